"""What the doors and the gateway link need of the house; `app.py` builds it."""

from dataclasses import dataclass

from edge_agent.desk.desk import Desk
from edge_agent.metrics import Metrics
from edge_agent.roster.roster import Roster


@dataclass(slots=True)
class Agent:
    """One running agent.

    Attributes:
        api_key: what callers of /v1 and /node must present; None: nothing is asked.
        started_s: the desk's clock when it was built, seconds.
        registered: the gateway holds a lease of this agent now.
    """

    name: str
    roster: Roster
    metrics: Metrics
    max_body_bytes: int
    api_key: str | None
    started_s: float
    registered: bool = False

    @property
    def desk(self) -> Desk:
        """The main model's."""
        return self.roster.main.desk
