"""Published periods: how they are written, and how an audit finds what is wrong with them."""
