"""What the service keeps, and how it decides. Knows no wire."""
