"""Says which of a tenant's models serves, and lets it change; MLflow keeps them.

    champion     serves
    challenger   was trained last; serves only once the gate has let it through
    last_good    served before the champion, and serves whenever the champion cannot

Every promotion of the champion is written down beside the model: when, by whom, why. `last_good`
follows from these promotions alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sendopt.errors import Conflict, ModelNotServable
from sendopt.learn.families import artifact
from sendopt.learn.model.model import ServableModel
from sendopt.learn.registry.champion_change import (
    Moving,
    change_champion,
    former_champion,
    in_this_process,
    misplaced_aliases,
)
from sendopt.learn.registry.loaded_models import LoadedModels
from sendopt.learn.registry.mlflow_store import Version, Versions, damaged, unavailable
from sendopt.learn.registry.promotions import (
    CHALLENGER_ALIAS,
    CHAMPION_ALIAS,
    LAST_GOOD_ALIAS,
    PROMOTED,
    ROLLED_BACK,
    Promotion,
    RegisteredModel,
    named,
)
from sendopt.learn.registry.registration import Registration, ServingVersion
from sendopt.learn.registry.run_name import run_name
from sendopt.learn.registry.version_facts import (
    CARD_TAG,
    GATE_SHA256_TAG,
    GATE_TAG,
    changed_facts,
    facts_of,
    outcome_of,
    registered,
    require_whole,
    sha256_of_text,
)
from sendopt.liveness import LeftBehind, Liveness
from sendopt.records import EventType, TenantId

_CARD = "card.md"
_MOST_LEFT_BEHIND = 2  # answers of a model: one may be a question too large, two are its habit


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
        self._models = LoadedModels(self._versions, threads=threads)
        self._moving = moving or in_this_process()
        self._served: dict[TenantId, ServableModel] = {}  # the last champion of each tenant
        self.left_behind = LeftBehind(_MOST_LEFT_BEHIND)
        self._liveness = Liveness(lambda: self._versions.check(TenantId("default"), CHAMPION_ALIAS))

    def champion(self, tenant_id: TenantId) -> ServableModel:
        """Return the tenant's champion; a move of the alias is seen by the next call.

        Raises:
            ModelNotServable: `no_champion`; `model_damaged`, if its files are not what was judged;
                `registry_unavailable`.
        """
        self._served[tenant_id] = self._models.of(tenant_id, self._champion(tenant_id))
        return self._served[tenant_id]

    def champions_outcome(self, tenant_id: TenantId) -> EventType | None:
        """Return what the champion predicts, even if its files do not load.

        None = there is no champion, or it is damaged and its release did not say.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        version = self._versions.with_alias(tenant_id, CHAMPION_ALIAS)
        if version is None:
            return None
        outcome = outcome_of(version)
        if outcome is not None:
            return outcome
        try:
            return self._models.of(tenant_id, version).target.outcome
        except ModelNotServable as refusal:
            if refusal.code == "registry_unavailable":
                raise
            return None

    def last_good(self, tenant_id: TenantId) -> ServableModel:
        """Return the model that served before the champion.

        Raises:
            ModelNotServable: `no_last_good`, `model_damaged` or `registry_unavailable`.
        """
        version = self._versions.with_alias(tenant_id, LAST_GOOD_ALIAS)
        if version is None:
            raise ModelNotServable("no model served before", code="no_last_good")
        return self._models.of(tenant_id, version)

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
    ) -> Registration:
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
                facts=facts_of(written),
            )
        self._versions.name_run(added.run_id, run_name(written, added.number))
        self._versions.set_alias(tenant_id, CHALLENGER_ALIAS, added.number)
        return Registration(written, added.number, added.run_id)

    def read_back(self, registration: Registration) -> ServableModel:
        """Read a model from its files, as a process would that serves it.

        Raises:
            ModelNotServable: `model_damaged`.
        """
        return self._models.read(registration.run_id, registration.model.version)

    def set_card(self, tenant_id: TenantId, registration: Registration, card: str) -> None:
        """Keep the card (Markdown) of a model beside it, and its hash with the version."""
        self._versions.keep_text(registration.run_id, _CARD, card)
        self._versions.tag(tenant_id, CARD_TAG, sha256_of_text(card), number=registration.number)

    def finish(
        self,
        tenant_id: TenantId,
        registration: Registration,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        gate: str,
    ) -> None:
        """Write down what judging came to, and end the run.

        Args:
            tenant_id: whose model it is.
            registration: what was judged.
            metrics: figures; NaN is left out, because MLflow cannot chart it.
            tags: words.
            gate: what the gate said in short (`GateReport.summary`).
        """
        self._versions.end_run(registration.run_id, metrics=metrics, tags=tags)
        # A text without a hash counts as an earlier release's; the other way round as changed.
        self._versions.tag(tenant_id, GATE_TAG, gate, number=registration.number)
        self._versions.tag(
            tenant_id, GATE_SHA256_TAG, sha256_of_text(gate), number=registration.number
        )

    def serving_version(self, tenant_id: TenantId) -> ServingVersion:
        """Return who serves now.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        version = self._versions.with_alias(tenant_id, CHAMPION_ALIAS)
        return ServingVersion(None if version is None else version.number)

    def promote(
        self,
        tenant_id: TenantId,
        number: str,
        *,
        by: str,
        reason: str,
        now: datetime,
        predecessor: ServingVersion | None = None,
    ) -> None:
        """Make version `number` the champion, and the present one the last good.

        One atomic move of the alias: whoever asks meanwhile gets the old or the new one.

        Args:
            tenant_id: whose model it is.
            number: of the version that is to serve.
            by: who asks.
            reason: why, for whoever reads the record later.
            now: when.
            predecessor: who served as this was decided; None = it is right whoever serves.

        Raises:
            Conflict: `champion_changed`, if another version serves than the predecessor: then
                nothing has changed.
            NotFound: `model_unknown`, if that version was removed.
            ModelNotServable: `model_damaged`, if it does not load any more; then nothing has
                changed; `registry_unavailable`.
            LeaseHeld: if another process is about to change it for longer than a minute.
            StoreFailure: if the right to change it was lost; then nothing has changed.
        """
        with self._moving() as check_right:
            if predecessor is not None and self.serving_version(tenant_id) != predecessor:
                raise Conflict(
                    f"the champion was changed while model {number} was judged against another",
                    code="champion_changed",
                    hint=f"{number} stays registered; train again to hold it to who serves now",
                )
            self._models.require_servable(tenant_id, number)
            promotion = partial(Promotion, PROMOTED, number, at=now, by=by, reason=reason)
            change_champion(self._versions, tenant_id, promotion, check_right)

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
            number = former_champion(self.models(tenant_id), to)
            self._models.require_servable(tenant_id, number)
            promotion = partial(Promotion, ROLLED_BACK, number, at=now, by=by, reason=reason)
            change_champion(self._versions, tenant_id, promotion, check_right)
        return next(model for model in self.models(tenant_id) if model.number == number)

    def models(self, tenant_id: TenantId) -> tuple[RegisteredModel, ...]:
        """Return every version of the tenant's model, newest first.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        entry = self._versions.entry(tenant_id)
        if entry is None:
            return ()
        return registered(entry, self._versions.newest_first(tenant_id))

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
        require_whole(version)
        card = self._versions.text(version.run_id, _CARD)
        # Earlier releases wrote no hash down.
        if version.tags.get(CARD_TAG) not in {sha256_of_text(card), None}:
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
        if self._versions.entry(tenant_id) is None:
            return
        for version in self._versions.newest_first(tenant_id):
            yield from changed_facts(version)
        if misplaced_aliases(self._versions, tenant_id):
            with self._moving():  # a promotion is written down before the aliases move
                yield from misplaced_aliases(self._versions, tenant_id)

    def model_named(self, tenant_id: TenantId, name: str) -> ServableModel:
        """Return the model of a number, a version or its beginning, or an alias.

        Raises:
            NotFound: `model_unknown`.
            InvalidInput: `model_ambiguous`, if several versions begin so.
            ModelNotServable: `model_damaged`, `registry_unavailable`.
        """
        number = named(self.models(tenant_id), name).number
        return self._models.of(tenant_id, self._versions.numbered(tenant_id, number))

    def card_of(self, registration: Registration) -> str | None:
        """Return the card that is kept beside a model; None = there is none."""
        try:
            return self._versions.text(registration.run_id, _CARD)
        except ModelNotServable:
            return None

    def _champion(self, tenant_id: TenantId) -> Version:
        version = self._versions.with_alias(tenant_id, CHAMPION_ALIAS)
        if version is None:
            raise ModelNotServable(
                "there is no champion yet", code="no_champion", hint="run `sendopt train`"
            )
        return version
