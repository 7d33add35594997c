"""The hidden argument of every tool: passed by the graph, never seen or filled in by a model."""

from typing import Annotated

from langchain_core.tools import InjectedToolArg
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tools.context import ToolRun


class _AsItIs:
    """Take the instance untouched: pydantic would otherwise look into every service it holds."""

    def __get_pydantic_core_schema__(self, source: type[object], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(source)


Run = Annotated[ToolRun, InjectedToolArg, _AsItIs()]
