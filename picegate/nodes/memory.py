"""The nodes of this gateway, kept in its own memory. Names are unique, and so are ids."""

from collections.abc import Iterator

from picegate.nodes.node import Node


class NodeStore:
    def __init__(self) -> None:
        self._by_id: dict[str, Node] = {}
        self._id_of: dict[str, str] = {}

    def __iter__(self) -> Iterator[Node]:
        """In order of registration; the store may change meanwhile."""
        return iter(tuple(self._by_id.values()))

    def get(self, node_id: str) -> Node | None:
        return self._by_id.get(node_id)

    def named(self, name: str) -> Node | None:
        return self._by_id.get(self._id_of.get(name, ""))

    def put(self, node: Node) -> None:
        """Add a node; it replaces one of the same name."""
        if (old := self.named(node.name)) is not None:
            self.remove(old)
        self._by_id[node.id] = node
        self._id_of[node.name] = node.id

    def remove(self, node: Node) -> None:
        if self._by_id.pop(node.id, None) is not None:
            del self._id_of[node.name]
