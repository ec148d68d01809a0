"""Who answers when no reply is planned, and how calls and JSON are written down."""
