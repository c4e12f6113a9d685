"""With which options a tape was made, so that a later command with others is not passed over."""

from collections.abc import Mapping

from brokers.tape_sidecar import Sidecar

Plan = Mapping[str, object]
"""Options of the command line without their dashes; a switch is true or false."""


def otherwise(sidecar: Sidecar, source: str, plan: Plan) -> str:
    """Return in words in what a tape was made otherwise than planned; empty if in nothing.

    Of a tape that tells no plan of this source only its kind is judged.
    """
    known = sidecar.plans.get(source) or _by_kind(sidecar)
    other = [
        _option(name, known[name]) for name in plan if known.get(name, plan[name]) != plan[name]
    ]
    if not other:
        return ""
    kind = "bars, without quotes" if sidecar.kind == "bars" else sidecar.kind
    return f"as {kind} (made {', '.join(other)})"


def _by_kind(sidecar: Sidecar) -> Plan:
    made = {"bars": False, "prints": True, "averages": True}
    return {"derive-quotes": made[sidecar.kind]} if sidecar.kind in made else {}


def _option(name: str, value: object) -> str:
    if not value:
        return f"without --{name}"
    return f"with --{name}" if value is True else f"with --{name} {value}"
