"""Says which of a tenant's models serves, and lets it change; MLflow keeps them.

    champion     serves
    challenger   was trained last; serves only once the gate has let it through
    last_good    served before the champion, and serves whenever the champion cannot

Every promotion of the champion is written down beside the model: when, by whom, why. `last_good`
follows from these promotions alone.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sendopt.errors import Conflict, ModelNotServable
from sendopt.learn.families import FAMILY_FAULTS, artifact
from sendopt.learn.model.model import ServableModel
from sendopt.learn.registry.mlflow_store import Version, Versions, damaged, unavailable
from sendopt.learn.registry.promotions import (
    LAST_GOOD_ALIAS,
    PROMOTED,
    ROLLED_BACK,
    Promotion,
    RegisteredModel,
    choose,
    last_good,
    misplaced,
    named,
    read_promotions,
    tag,
)
from sendopt.learn.registry.run_name import run_name
from sendopt.liveness import LeftBehind, Liveness
from sendopt.records import EventType, TenantId

CHAMPION_ALIAS = "champion"
CHALLENGER_ALIAS = "challenger"

_CARD = "card.md"
_VERSION_TAG = "sendopt.version"
_UNTIL_TAG, _LEARNED_TAG = "sendopt.trained_until", "sendopt.learned_until"
_OUTCOME_TAG, _WINDOW_TAG = "sendopt.outcome", "sendopt.open_window_seconds"
_GATE_TAG, _GATE_SHA256_TAG = "sendopt.gate", "sendopt.gate_sha256"
_CARD_TAG = "sendopt.card_sha256"
_MOST_LEFT_BEHIND = 2  # answers of a model: one may be a question too large, two are its habit
_MOST_LOADED = 3  # of a tenant: the champion, the last good one, and one that either was before


#: Opens a block that alone may change the champion, and yields what raises once it may no longer.
Moving = Callable[[], AbstractContextManager[Callable[[], object]]]


@dataclass(frozen=True)
class Seen:
    """Who served as something was decided."""

    number: str | None  # of the champion's version; None = there was no champion


@dataclass(frozen=True)
class Recorded:
    """A model as it was registered."""

    model: ServableModel  # with its version
    number: str  # MLflow's of that version
    run_id: str


class Registry:
    """One registered model a tenant; its versions are immutable, its aliases move.

    Args:
        tracking_uri: MLflow's store, such as `sqlite:///registry.db` or a server's URL.
        artifacts: where models and cards are kept, a folder or a URI that the store can reach.
        threads: how many a loaded model may use for its trees.
        moving: keeps others from changing the champion, in whatever process: MLflow itself cannot
            compare and set. By default others of this process.
    """

    def __init__(
        self,
        tracking_uri: str,
        artifacts: str,
        *,
        threads: int = 1,
        moving: Moving | None = None,
    ) -> None:
        self._versions = Versions(tracking_uri, artifacts)
        self._threads = threads
        self._moving = moving or _in_this_process()
        self._loaded: dict[TenantId, dict[str, ServableModel]] = {}  # by number
        self._served: dict[TenantId, ServableModel] = {}  # the last champion of each tenant
        self.left_behind = LeftBehind(_MOST_LEFT_BEHIND)
        self._liveness = Liveness(lambda: self._versions.check(TenantId("default"), CHAMPION_ALIAS))

    def champion(self, tenant_id: TenantId) -> ServableModel:
        """Return the tenant's champion; a move of the alias is seen by the next call.

        Raises:
            ModelNotServable: `no_champion`; `model_damaged`, if its files are not what was judged;
                `registry_unavailable`.
        """
        self._served[tenant_id] = self._once(tenant_id, self._champion(tenant_id))
        return self._served[tenant_id]

    def champions_outcome(self, tenant_id: TenantId) -> EventType | None:
        """Return what the champion predicts, even if its files do not load.

        None = there is no champion, or it is damaged and its release did not say.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        version = self._versions.called(tenant_id, CHAMPION_ALIAS)
        if version is None:
            return None
        said = _outcome(version.tags) if version.is_whole else None
        if said is not None:
            return said
        try:
            return self._once(tenant_id, version).target.outcome
        except ModelNotServable as refusal:
            if refusal.code == "registry_unavailable":
                raise
            return None

    def last_good(self, tenant_id: TenantId) -> ServableModel:
        """Return the model that served before the champion.

        Raises:
            ModelNotServable: `no_last_good`, `model_damaged` or `registry_unavailable`.
        """
        found = self._versions.called(tenant_id, LAST_GOOD_ALIAS)
        if found is None:
            raise ModelNotServable("no model served before", code="no_last_good")
        return self._once(tenant_id, found)

    def last_served(self, tenant_id: TenantId) -> ServableModel:
        """Return the champion that this process loaded last, without asking the registry.

        Raises:
            ModelNotServable: `registry_unavailable`, if it never loaded any.
        """
        if tenant_id not in self._served:
            raise unavailable("and this process has loaded no model before")
        return self._served[tenant_id]

    def check(self, *, within: timedelta = timedelta(seconds=1.5)) -> None:
        """Return if the registry answers, with whatever it may hold.

        Raises:
            ModelNotServable: `registry_unavailable`, at the latest after `within`; `model_damaged`,
                if the files of the champion of the tenant `default` are gone.
        """
        try:
            self._liveness.check(within)
        except TimeoutError as error:
            raise unavailable(f"no word within {within}") from error

    def record(
        self,
        tenant_id: TenantId,
        model: ServableModel,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> Recorded:
        """Register `model` with the run that made it, as the challenger.

        Args:
            tenant_id: whose model it is.
            model: not registered yet.
            params: what went in.
            tags: searchable facts of the run.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            written = artifact.write(model, Path(folder))
            added = self._versions.add(
                tenant_id,
                Path(folder),
                params=params,
                tags=tags,
                facts={
                    _VERSION_TAG: written.version,
                    _UNTIL_TAG: written.provenance.trained_until.isoformat(),
                    _LEARNED_TAG: written.provenance.learned_until.isoformat(),
                    _OUTCOME_TAG: written.target.outcome.value,
                    _WINDOW_TAG: str(written.target.open_window.total_seconds()),
                },
            )
        self._versions.name_run(added.run_id, run_name(written, added.number))
        self._versions.call(tenant_id, CHALLENGER_ALIAS, added.number)
        return Recorded(written, added.number, added.run_id)

    def read_back(self, recorded: Recorded) -> ServableModel:
        """Read a model from its files, as a process would that serves it.

        Raises:
            ModelNotServable: `model_damaged`.
        """
        return self._load(recorded.run_id, recorded.model.version)

    def set_card(self, tenant_id: TenantId, recorded: Recorded, card: str) -> None:
        """Keep the card (Markdown) of a model beside it, and its hash with the version."""
        self._versions.keep_text(recorded.run_id, _CARD, card)
        self._versions.tag(tenant_id, _CARD_TAG, _sha256(card), number=recorded.number)

    def finish(
        self,
        tenant_id: TenantId,
        recorded: Recorded,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        gate: str,
    ) -> None:
        """Write down what judging came to, and end the run.

        Args:
            tenant_id: whose model it is.
            recorded: what was judged.
            metrics: figures; NaN is left out, because MLflow cannot chart it.
            tags: words.
            gate: what the gate said in short (`GateReport.summary`).
        """
        self._versions.end_run(recorded.run_id, metrics=metrics, tags=tags)
        # A text without a hash counts as an earlier release's; the other way round as changed.
        self._versions.tag(tenant_id, _GATE_TAG, gate, number=recorded.number)
        self._versions.tag(tenant_id, _GATE_SHA256_TAG, _sha256(gate), number=recorded.number)

    def seen(self, tenant_id: TenantId) -> Seen:
        """Return who serves now.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        found = self._versions.called(tenant_id, CHAMPION_ALIAS)
        return Seen(None if found is None else found.number)

    def promote(
        self,
        tenant_id: TenantId,
        number: str,
        *,
        by: str,
        reason: str,
        now: datetime,
        seen: Seen | None = None,
    ) -> None:
        """Make version `number` the champion, and the present one the last good.

        One atomic move of the alias: whoever asks meanwhile gets the old or the new one.

        Args:
            tenant_id: whose model it is.
            number: of the version that is to serve.
            by: who asks.
            reason: why, for whoever reads the record later.
            now: when.
            seen: who served as this was decided; None = it is right whoever serves.

        Raises:
            Conflict: `champion_changed`, if another version serves than was seen: then nothing has
                changed.
            NotFound: `model_unknown`, if that version was removed.
            ModelNotServable: `model_damaged`, if it does not load any more; then nothing has
                changed; `registry_unavailable`.
            LeaseHeld: if another process is about to change it for longer than a minute.
            StoreFailure: if the right to change it was lost; then nothing has changed.
        """
        with self._moving() as check_right:
            if seen is not None and self.seen(tenant_id) != seen:
                raise Conflict(
                    f"the champion was changed while model {number} was judged against another",
                    code="champion_changed",
                    hint=f"{number} stays registered; train again to hold it to who serves now",
                )
            self._require_servable(tenant_id, number)
            promotion = partial(Promotion, PROMOTED, number, at=now, by=by, reason=reason)
            self._promote(tenant_id, promotion, check_right)

    def roll_back(
        self, tenant_id: TenantId, *, to: str | None, by: str, reason: str, now: datetime
    ) -> RegisteredModel:
        """Let a former champion serve again: one move of an alias, seen by the next request.

        Args:
            tenant_id: whose model it is.
            to: its number or version; None = the last good one.
            by: who asks.
            reason: why, for whoever reads the record later.
            now: when.

        Raises:
            NotFound: `model_unknown`.
            Conflict: `no_champion`, `no_last_good`, `already_champion`, or `never_champion`: what
                the gate has not let through cannot be let in by this door.
            ModelNotServable: `model_damaged`, if it does not load; then nothing has changed;
                `registry_unavailable`.
            LeaseHeld: if another process is about to change it for longer than a minute.
            StoreFailure: if the right to change it was lost; then nothing has changed.
        """
        with self._moving() as check_right:
            number = self._former_champion(tenant_id, to)
            self._require_servable(tenant_id, number)
            promotion = partial(Promotion, ROLLED_BACK, number, at=now, by=by, reason=reason)
            self._promote(tenant_id, promotion, check_right)
        return next(model for model in self.models(tenant_id) if model.number == number)

    def _former_champion(self, tenant_id: TenantId, to: str | None) -> str:
        """Return the number of the version that is meant and may serve again."""
        known = self.models(tenant_id)
        present = next((model for model in known if CHAMPION_ALIAS in model.aliases), None)
        if present is None:
            raise Conflict("there is no champion to roll back", code="no_champion")
        target = choose(known, to)
        if target.number == present.number:
            raise Conflict(f"model {target.version} serves already", code="already_champion")
        if not target.served:
            raise Conflict(
                f"model {target.version} was never champion; the gate said: {target.gate}",
                code="never_champion",
                hint="`sendopt models list` shows which have served",
            )
        return target.number

    def models(self, tenant_id: TenantId) -> tuple[RegisteredModel, ...]:
        """Return every version of the tenant's model, newest first.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        standing = self._versions.standing(tenant_id)
        if standing is None:
            return ()
        promotions = read_promotions(standing.tags)
        aliases: dict[str, list[str]] = {}
        for alias, number in standing.aliases.items():
            aliases.setdefault(number, []).append(alias)
        ever = {each.number for each in promotions} | {each.before for each in promotions}
        return tuple(
            RegisteredModel(
                number=each.number,
                **_facts(each),
                aliases=tuple(sorted(aliases.get(each.number, ()))),
                gate=_gate(each.tags),
                served=each.number in ever or CHAMPION_ALIAS in aliases.get(each.number, ()),
                promotions=tuple(made for made in promotions if made.number == each.number),
            )
            for each in self._versions.newest_first(tenant_id)
        )

    def card(self, tenant_id: TenantId, of: str | None = None) -> str:
        """Return the card (Markdown) of a version.

        Args:
            tenant_id: whose model it is.
            of: a number, a version or its beginning, or an alias; None = the champion.

        Raises:
            NotFound: `model_unknown`.
            InvalidInput: `model_ambiguous`, if several versions begin so.
            ModelNotServable: `no_champion`; `model_damaged`, if there is no card or it was changed.
        """
        if of is None:
            version = self._champion(tenant_id)
        else:
            number = named(self.models(tenant_id), of).number
            version = self._versions.numbered(tenant_id, number)
        _require_whole(version)
        card = self._versions.text(version.run_id, _CARD)
        # Earlier releases wrote no hash down.
        if version.tags.get(_CARD_TAG) not in {_sha256(card), None}:
            raise damaged(f"the card of model {version.number} was changed since it was written")
        return card

    def storage(self) -> list[str]:
        """Return what SQLite finds wrong with MLflow's file, which all tenants share.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        return self._versions.storage()

    def changes(self, tenant_id: TenantId) -> Iterator[str]:
        """Yield what the registry does not hold as it was written, a sentence each.

        An alias is a cell of MLflow's that anything may have changed; the promotions on record say
        where it should point.

        Raises:
            ModelNotServable: `model_damaged`, if a promotion was changed; `registry_unavailable`.
            LeaseHeld: if another process is about to change the champion for longer than a minute.
        """
        if self._versions.standing(tenant_id) is None:
            return
        for version in self._versions.newest_first(tenant_id):
            if not version.is_whole:
                yield f"what it says of model {version.number} was changed"
            if _gate(version.tags) != version.tags.get(_GATE_TAG, ""):
                yield f"what the gate said of model {version.number} was changed"
        if self._misplaced(tenant_id):
            with self._moving():  # a promotion is written down before the aliases move
                yield from self._misplaced(tenant_id)

    def _misplaced(self, tenant_id: TenantId) -> list[str]:
        standing = self._versions.standing(tenant_id)
        if standing is None:
            return []
        promotions = read_promotions(standing.tags)
        return list(misplaced(promotions, standing.aliases, CHAMPION_ALIAS))

    def meant_by(self, tenant_id: TenantId, name: str) -> ServableModel:
        """Return the model of a number, a version or its beginning, or an alias.

        Raises:
            NotFound: `model_unknown`.
            InvalidInput: `model_ambiguous`, if several versions begin so.
            ModelNotServable: `model_damaged`, `registry_unavailable`.
        """
        number = named(self.models(tenant_id), name).number
        return self._once(tenant_id, self._versions.numbered(tenant_id, number))

    def card_of(self, recorded: Recorded) -> str | None:
        """Return the card that is kept beside a model; None = there is none."""
        try:
            return self._versions.text(recorded.run_id, _CARD)
        except ModelNotServable:
            return None

    def _champion(self, tenant_id: TenantId) -> Version:
        found = self._versions.called(tenant_id, CHAMPION_ALIAS)
        if found is None:
            raise ModelNotServable(
                "there is no champion yet", code="no_champion", hint="run `sendopt train`"
            )
        return found

    def _once(self, tenant_id: TenantId, version: Version) -> ServableModel:
        """Return the model of a version, loading it if this process does not hold it."""
        _require_whole(version)
        loaded = self._loaded.setdefault(tenant_id, {})
        model = loaded.get(version.number)
        if model is None:
            model = self._load(version.run_id, version.tags[_VERSION_TAG])
            loaded[version.number] = model
            for oldest in list(loaded)[:-_MOST_LOADED]:
                loaded.pop(oldest, None)
        return model

    def _require_servable(self, tenant_id: TenantId, number: str) -> None:
        """Refuse a version that was removed or damaged; what this process holds of it is no word.

        Raises:
            NotFound: `model_unknown`.
            ModelNotServable: `model_damaged`.
        """
        version = self._versions.numbered(tenant_id, number)
        _require_whole(version)
        self._load(version.run_id, version.tags[_VERSION_TAG])

    def _promote(
        self,
        tenant_id: TenantId,
        promotion_after: Callable[[str | None], Promotion],
        check_right: Callable[[], object],
    ) -> None:
        """Note the promotion and move the aliases, where nobody else does."""
        standing = self._versions.standing(tenant_id)
        tags, aliases = ({}, {}) if standing is None else (standing.tags, standing.aliases)
        promotions = read_promotions(tags)
        promotion = promotion_after(aliases.get(CHAMPION_ALIAS))
        good = last_good([*promotions, promotion])
        check_right()
        # Written down first: a promotion that was announced and not made can be made again.
        self._versions.tag(tenant_id, *tag(promotion, len(promotions)))
        self._versions.call(tenant_id, CHAMPION_ALIAS, promotion.number)
        if good is not None or LAST_GOOD_ALIAS in aliases:
            self._versions.call(tenant_id, LAST_GOOD_ALIAS, good)

    def _load(self, run_id: str, version: str) -> ServableModel:
        with self._versions.fetched(run_id) as folder:
            try:
                return artifact.read(folder, version=version, threads=self._threads)
            except ModelNotServable as refusal:
                if refusal.code in FAMILY_FAULTS:
                    raise
                raise damaged(refusal.message, hint=refusal.hint) from refusal


def _require_whole(version: Version) -> None:
    if not version.is_whole:
        raise damaged(f"what the registry says of model {version.number} was changed")


def _facts(version: Version) -> dict[str, Any]:
    """Return what a version says of itself; of one that was changed, only which it may be."""
    tags = version.tags if version.is_whole else {}
    return {
        "version": tags.get(_VERSION_TAG, "?"),
        "trained_until": _instant(tags.get(_UNTIL_TAG)),
        "learned_until": _instant(tags.get(_LEARNED_TAG)),
        "outcome": _outcome(tags),
        "open_window_seconds": _number(tags.get(_WINDOW_TAG)),
    }


def _gate(tags: Mapping[str, str]) -> str:
    gate = tags.get(_GATE_TAG, "")
    return (
        gate if tags.get(_GATE_SHA256_TAG) in {_sha256(gate), None} else "changed in the registry"
    )


def _in_this_process() -> Moving:
    turn = threading.Lock()

    @contextmanager
    def moving() -> Iterator[Callable[[], object]]:
        with turn:
            yield lambda: None

    return moving


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _outcome(tags: Mapping[str, str]) -> EventType | None:
    return EventType(tags[_OUTCOME_TAG]) if _OUTCOME_TAG in tags else None


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
