"""What talks to a server over the wire: the web page and the command line clients."""
