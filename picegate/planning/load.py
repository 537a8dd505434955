"""Work that was promised and is not written yet."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """Tokens owed by the edge, over all open requests."""

    edge_tokens: float = 0.0


@dataclass(slots=True)
class Owed:
    """What one request is still expected to have written. Close it when the request ends, whichever way."""

    load: Load
    cloud: float = field(default=0.0)
    edge: float = field(default=0.0)

    def expect(self, cloud: float, edge: float) -> None:
        """A plan was made, or another one in its place."""
        self.load.edge_tokens += edge - self.edge
        self.cloud, self.edge = cloud, edge

    def wrote(self, tokens: float, *, in_cloud: bool) -> None:
        if in_cloud:
            done = min(tokens, self.cloud)
            self.cloud -= done
        else:
            done = min(tokens, self.edge)
            self.edge -= done
            self.load.edge_tokens -= done

    def close(self) -> None:
        self.expect(0.0, 0.0)
