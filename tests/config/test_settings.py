"""What a node does when its file says nothing else."""

from gslb.config.settings import NodeSettings, StoreSettings


def test_a_node_is_alone_unless_its_file_says_otherwise() -> None:
    node = NodeSettings("tokyo-1", "tokyo", ("dns",), (), None, 0, "/z", "/s")
    assert (node.store, node.store.type) == (StoreSettings(), "sqlite")
    assert (node.startup_wait, node.max_state_age, node.rate_limit) == (5.0, 600.0, None)
