"""A small MCP server for `mcp_agent.py`. Install `mcp`."""

from mcp.server.fastmcp import FastMCP

server = FastMCP("weather", log_level="ERROR")


@server.tool()
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


if __name__ == "__main__":
    server.run()
