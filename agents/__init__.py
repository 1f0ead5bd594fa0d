"""Agents that ship with the workbench, each with its training script, its weights and its card."""

from agents.catalogue import AGENTS, Agent, find_agent

__all__ = ["AGENTS", "Agent", "find_agent"]
