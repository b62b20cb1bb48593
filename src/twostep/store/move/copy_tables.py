"""What a copy of a database copies, table by table: those that others refer to come first.

A test compares this list with the schema of both engines.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table and the columns of its primary key, by which it is read in pages."""

    name: str
    key: tuple[str, ...] = ("id",)


COPIED_TABLES: tuple[CopiedTable, ...] = (
    CopiedTable("installation", ("name",)),
    CopiedTable("accounts"),
    CopiedTable("email_addresses"),
    CopiedTable("sessions"),
    CopiedTable("known_browsers", ("account_id", "digest")),
    CopiedTable("remembered_browsers"),
    CopiedTable("apps"),
    CopiedTable("pending_apps", ("session_id",)),
    CopiedTable("phones"),
    CopiedTable("passkeys"),
    CopiedTable("passkey_handles", ("account_id",)),
    CopiedTable("used_challenges", ("digest",)),
    CopiedTable("recovery_sets", ("account_id",)),
    CopiedTable("recovery_codes"),
    CopiedTable("challenges"),
    CopiedTable("outbox"),
    CopiedTable("sends"),
    CopiedTable("opt_outs", ("fingerprint",)),
    CopiedTable("provider_states", ("name",)),
    CopiedTable("provider_tries", ("day", "provider")),
    CopiedTable("alarms"),
    CopiedTable("throttles", ("key",)),
    CopiedTable("kept_posts"),
    CopiedTable("mail_links", ("digest",)),
    CopiedTable("temporary_codes", ("account_id",)),
    CopiedTable("support_references", ("reference",)),
    CopiedTable("recoveries", ("account_id",)),
    CopiedTable("refusals", ("account_id", "event", "reason", "network")),
    CopiedTable("audit_records", ("chain", "seq")),
    CopiedTable("audit_changed", ("chain",)),
    CopiedTable("audit_starts", ("chain",)),
    CopiedTable("system_chains", ("chain",)),
    CopiedTable("audit_checkpoints", ("seq",)),
)
