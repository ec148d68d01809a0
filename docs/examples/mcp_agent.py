"""An agent whose tools come from an MCP server.

Install `langchain`, `langchain-mcp-adapters` and `mcp<2`.
"""

import asyncio
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_grokweb import ChatGrokWeb
from langchain_mcp_adapters.client import MultiServerMCPClient

SERVER = Path(__file__).parent / "mcp_server.py"


async def main(question: str = "What is the weather in Paris?") -> str:
    """Ask the agent, and return its answer."""
    client = MultiServerMCPClient(
        {
            "weather": {
                "transport": "stdio",
                "command": sys.executable,
                "args": [str(SERVER)],
            }
        }
    )
    agent = create_agent(ChatGrokWeb(), await client.get_tools())
    result = await agent.ainvoke({"messages": [HumanMessage(question)]})
    return str(result["messages"][-1].text)


if __name__ == "__main__":
    print(asyncio.run(main()))
