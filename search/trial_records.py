"""Records of an Optuna journal as they are written: one line for a finished trial.

Optuna's storage makes a record of every parameter, limit and attribute of a trial, some forty of
them; its reader also takes a whole finished trial in one record. Folded, the journal is shorter
and faster to open, and a trial that is not finished leaves nothing behind.
"""

from __future__ import annotations

import json
from typing import Any

from optuna.trial import TrialState

CREATE_TRIAL = 4
SET_TRIAL_PARAM = 5
SET_TRIAL_STATE_VALUES = 6
SET_TRIAL_INTERMEDIATE_VALUE = 7
SET_TRIAL_USER_ATTRIBUTE = 8
SET_TRIAL_SYSTEM_ATTRIBUTE = 9
"""Codes of the operations on a trial; lower ones are about the study."""
SCALARS = (str, int, float, bool, type(None))

Record = dict[str, Any]


class TrialRecords:
    """Collects records and gives out what a file has to hold of them.

    Parameters
    ----------
    trials : int
        Trials that the file holds already.
    """

    def __init__(self, trials: int) -> None:
        self._next = trials
        self._open: dict[int, Record] = {}
        self._ready: list[Record] = []

    def add(self, record: Record) -> None:
        """Take one record, in the order in which Optuna makes them."""
        code = record["op_code"]
        if code < CREATE_TRIAL:
            self._ready.append(record)
            return
        if code == CREATE_TRIAL:
            number, self._next = self._next, self._next + 1
            self._open[number] = _whole(record)
        else:
            number = record["trial_id"]
            _fold(self._open[number], record)
        if TrialState(self._open[number]["state"]).is_finished():
            self._ready.append(self._open.pop(number))

    def take(self) -> bytes:
        """Lines of everything since the last call, without the trials that are not finished."""
        lines = [json.dumps(record, separators=(",", ":")) + "\n" for record in self._ready]
        self._ready = []
        return "".join(lines).encode()


def _whole(record: Record) -> Record:
    """The record that creates a trial, with every field of a finished one."""
    whole = {"state": int(TrialState.RUNNING), "value": None, "values": None, **record}
    for part in ("distributions", "params", "user_attrs", "system_attrs", "intermediate_values"):
        whole[part] = dict(record.get(part, {}))
    return whole


def _fold(whole: Record, record: Record) -> None:
    """Put one operation on a trial into the record of the whole trial."""
    code = record["op_code"]
    if code == SET_TRIAL_PARAM:
        name = record["param_name"]
        whole["distributions"][name] = record["distribution"]
        whole["params"][name] = record["param_value_internal"]
    elif code == SET_TRIAL_USER_ATTRIBUTE:
        whole["user_attrs"].update(record["user_attr"])
    elif code == SET_TRIAL_SYSTEM_ATTRIBUTE:
        whole["system_attrs"].update(record["system_attr"])
    elif code == SET_TRIAL_INTERMEDIATE_VALUE:
        whole["intermediate_values"][str(record["step"])] = record["intermediate_value"]
    elif code == SET_TRIAL_STATE_VALUES:
        whole["state"] = int(record["state"])
        values = record["values"]
        # The reader wants one value under its own name, several in a list.
        single = values is not None and len(values) == 1
        whole["value"], whole["values"] = (values[0], None) if single else (None, values)
        if "datetime_complete" in record:
            whole["datetime_complete"] = record["datetime_complete"]
    else:
        raise ValueError(f"operation {code} of an Optuna journal is not known")


def as_read(record: Record) -> Record:
    """A record in the form in which a reader of the file sees it (lists for tuples, and so on)."""
    for value in record.values():
        if type(value) in SCALARS:
            continue
        if type(value) is dict and all(type(part) in SCALARS for part in value.values()):
            continue
        read: Record = json.loads(json.dumps(record))
        return read
    return record


def count_trials(records: list[Record]) -> int:
    """Trials that records create."""
    return sum(record["op_code"] == CREATE_TRIAL for record in records)
