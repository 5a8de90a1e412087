"""What the updater and the publisher share: the MQTT link and the manifest."""
