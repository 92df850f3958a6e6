"""The nginx example of docs/how-to/proxy.md hides /metrics in each form that the server answers, and nothing else."""

import re

import pytest

from tests.docs.documents import read

LOCATION = re.compile(r"location (?:(=|\^~) )?(\S+) \{(.*?)\}", re.DOTALL)


def matching(path: str) -> str:
    """Return the block that nginx chooses: an exact match, else the longest prefix."""
    locations: list[tuple[str, str, str]] = LOCATION.findall(read("docs/how-to/proxy.md").text)
    assert len(locations) == 2
    exact = [block for sign, place, block in locations if sign == "=" and path == place]
    prefixes = sorted((len(place), block) for sign, place, block in locations if sign != "=" and path.startswith(place))
    return [*(block for _, block in prefixes), *exact][-1]


@pytest.mark.parametrize(
    ("path", "hidden"),
    [("/metrics", True), ("/metrics/", True), ("/metering/events", False), ("/health/ready", False), ("/", False)],
)
def test_nginx_example_hides_the_metrics_only(path: str, *, hidden: bool) -> None:
    assert ("return 404" in matching(path)) is hidden
