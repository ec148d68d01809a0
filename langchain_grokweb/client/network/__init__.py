"""How requests leave this process: the environment, the pools of connections, requests and the bodies of replies."""
