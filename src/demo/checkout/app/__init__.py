"""The demonstration service: takes orders, and from release v2 on keeps what the payment provider refused."""
