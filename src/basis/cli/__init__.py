"""`basis ...`: one file per noun. Commands import what they need when they run, so that --help is
quick; data goes to stdout, talk to stderr."""
