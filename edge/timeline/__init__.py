"""Who appears when: intervals, the live timeline, the page."""
