"""MQTT events and Home Assistant."""
