"""What the numbers mean that a plan was made by."""

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "kind": "of question; how well a model does is remembered by it",
    "prompt_tokens": "of the conversation, estimated",
    "expected_answer_tokens": "the median: half of such answers are longer",
    "p90_answer_tokens": "nine in ten such answers are no longer",
    "min_answer_tokens": "answers expected to be shorter are not split",
    "nodes_ready": "edge nodes that can be given work",
    "slots_free": "answers or passages that these could begin at once",
    "cloud_in_flight": "calls that the cloud serves now",
    "cloud_queued": "calls that wait for a place there",
    "cloud_price_ms": "one more token of the cloud delays all others together by so much",
    "edge_price_ms": "one more token of the edges delays all others together by so much",
    "cloud_read_price_s": "each second in which the cloud reads a prompt delays all others together by so much",
    "edge_read_price_s": "each second in which one node reads a prompt delays all others together by so much",
    "cloud_wait_s": "until what waits for the cloud now is done",
    "edge_wait_s": "until what waits for the edges now is done",
    "spared_s": "the cloud's queue would last so much longer if edges wrote nothing; a progressive answer may be "
    "later than the cloud alone by as much, since that would wait in this queue",
    "less_trusted": "how much likelier a weak passage is of this model than of the best one, 0 to 1",
    "edge_again_share": "for each token of a passage, edges write so many in vain (failures, hedges); learnt",
    "cloud_again_share": "for each token of a passage, the cloud writes so many in rescues and rewrites; learnt",
    "edge_lost_s": "edges that fail delay one passage by so much, on average",
}
