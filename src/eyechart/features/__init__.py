"""What single channels of a network respond to: pictures made to excite them, and what else is known of them."""
