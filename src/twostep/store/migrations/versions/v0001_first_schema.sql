    CREATE TABLE accounts (
      id {text} PRIMARY KEY,
      name {text} NOT NULL,
      name_key {text} NOT NULL UNIQUE,
      role {text} NOT NULL,
      language {text} NOT NULL,
      time_zone {text} NOT NULL,
      two_step {big} NOT NULL DEFAULT 0,
      two_step_at {big},
      password_hash {text},
      password_version {big} NOT NULL DEFAULT 0,
      password_short {big} NOT NULL DEFAULT 0,
      password_set_at {big},
      password_retired_at {big},
      disabled_at {big},
      must_enroll {big} NOT NULL DEFAULT 0,
      default_method {text},
      wrong_in_a_row {big} NOT NULL DEFAULT 0,
      guess_millionths {big} NOT NULL DEFAULT 0,
      spare_reminder_at {big},
      created_at {big} NOT NULL,
      version {big} NOT NULL DEFAULT 0,
      audit_seq {big} NOT NULL DEFAULT 0,
      audit_hash {blob} NOT NULL
    ){strict}
    ;

    CREATE TABLE email_addresses (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      address {text} NOT NULL,
      address_key {text} NOT NULL,
      verified_at {big},
      created_at {big} NOT NULL
    ){strict}
    ;
    CREATE UNIQUE INDEX email_addresses_verified ON email_addresses (address_key)
      WHERE verified_at IS NOT NULL
    ;
    CREATE INDEX email_addresses_account ON email_addresses (account_id);

    CREATE TABLE sessions (
      id {text} PRIMARY KEY,
      digest {blob} NOT NULL UNIQUE,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      level {text} NOT NULL,
      aal {text} NOT NULL,
      amr {text} NOT NULL,
      next_path {text} NOT NULL,
      network {text} NOT NULL,
      browser {text} NOT NULL,
      browser_id {text},
      password_version {big} NOT NULL,
      password_at {big},
      second_factor_at {big},
      flash {text} NOT NULL DEFAULT '',
      created_at {big} NOT NULL,
      seen_at {big} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    ;
    CREATE INDEX sessions_account ON sessions (account_id);
    CREATE INDEX sessions_end ON sessions (expires_at);

    CREATE TABLE known_browsers (
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      digest {blob} NOT NULL,
      id {text} NOT NULL UNIQUE,
      browser {text} NOT NULL,
      created_at {big} NOT NULL,
      seen_at {big} NOT NULL,
      PRIMARY KEY (account_id, digest)
    ){strict}
    ;

    CREATE TABLE apps (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      name {text} NOT NULL,
      secret {blob} NOT NULL,
      algorithm {text} NOT NULL,
      digits {big} NOT NULL,
      period_seconds {big} NOT NULL,
      last_step {big} NOT NULL,
      centre {big} NOT NULL DEFAULT 0,
      edge_run {big} NOT NULL DEFAULT 0,
      origin {text} NOT NULL,
      created_at {big} NOT NULL,
      last_used_at {big},
      last_used_browser {text} NOT NULL DEFAULT ''
    ){strict}
    ;
    CREATE INDEX apps_account ON apps (account_id);

    CREATE TABLE pending_apps (
      session_id {text} PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
      id {text} NOT NULL,
      account_id {text} NOT NULL,
      secret {blob} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    ;

    CREATE TABLE phones (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      session_id {text},
      number {blob} NOT NULL,
      fingerprint {blob} NOT NULL,
      region {text} NOT NULL,
      line {text} NOT NULL,
      hint {text} NOT NULL,
      channel {text} NOT NULL,
      created_at {big} NOT NULL,
      confirmed_at {big},
      last_used_at {big}
    ){strict}
    ;
    CREATE INDEX phones_account ON phones (account_id);
    CREATE INDEX phones_fingerprint ON phones (fingerprint);

    CREATE TABLE recovery_sets (
      account_id {text} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
      id {text} NOT NULL UNIQUE,
      salt {blob} NOT NULL,
      profile {text} NOT NULL,
      shown {blob},
      session_id {text},
      shown_until {big} NOT NULL,
      proved_at {big},
      created_at {big} NOT NULL
    ){strict}
    ;

    CREATE TABLE recovery_codes (
      id {text} PRIMARY KEY,
      set_id {text} NOT NULL REFERENCES recovery_sets (id) ON DELETE CASCADE,
      number {big} NOT NULL,
      digest {blob} NOT NULL,
      used_at {big},
      UNIQUE (set_id, number)
    ){strict}
    ;

    CREATE TABLE challenges (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      session_id {text} NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
      purpose {text} NOT NULL,
      phone_id {text} NOT NULL REFERENCES phones (id) ON DELETE CASCADE,
      channel {text} NOT NULL,
      code {blob},
      check_mac {blob} NOT NULL,
      call_key {text} NOT NULL,
      tries_left {big} NOT NULL,
      created_at {big} NOT NULL,
      expires_at {big} NOT NULL,
      ended_at {big}
    ){strict}
    ;
    CREATE INDEX challenges_session ON challenges (session_id);
    CREATE INDEX challenges_account ON challenges (account_id);
    CREATE INDEX challenges_phone ON challenges (phone_id);
    CREATE INDEX challenges_end ON challenges (expires_at);

    CREATE TABLE outbox (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      session_id {text},
      challenge_id {text},
      channel {text} NOT NULL,
      kind {text} NOT NULL,
      phone_id {text},
      payload {blob},
      state {text} NOT NULL,
      reason {text} NOT NULL DEFAULT '',
      provider {text} NOT NULL DEFAULT '',
      provider_id {text} NOT NULL DEFAULT '',
      attempt {big} NOT NULL DEFAULT 0,
      next_at {big} NOT NULL,
      lease_until {big},
      not_after {big} NOT NULL,
      created_at {big} NOT NULL,
      accepted_at {big},
      finished_at {big}
    ){strict}
    ;
    CREATE INDEX outbox_due ON outbox (next_at) WHERE state = 'queued';
    CREATE INDEX outbox_session ON outbox (session_id);
    CREATE INDEX outbox_challenge ON outbox (challenge_id);
    CREATE INDEX outbox_account ON outbox (account_id);
    CREATE INDEX outbox_created ON outbox (created_at);

    CREATE TABLE throttles (
      key {text} PRIMARY KEY,
      count {big} NOT NULL,
      since_at {big} NOT NULL,
      waits {big} NOT NULL,
      until_at {big} NOT NULL,
      updated_at {big} NOT NULL
    ){strict}
    ;
    CREATE INDEX throttles_updated ON throttles (updated_at);

    CREATE TABLE kept_posts (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL,
      session_id {text} NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
      path {text} NOT NULL,
      form {blob} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    ;
    CREATE INDEX kept_posts_session ON kept_posts (session_id);

    CREATE TABLE mail_links (
      digest {blob} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      purpose {text} NOT NULL,
      subject_id {text} NOT NULL,
      created_at {big} NOT NULL,
      expires_at {big} NOT NULL,
      used_at {big}
    ){strict}
    ;
    CREATE INDEX mail_links_account ON mail_links (account_id);
    CREATE INDEX mail_links_end ON mail_links (expires_at);

    CREATE TABLE temporary_codes (
      account_id {text} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
      id {text} NOT NULL,
      salt {blob} NOT NULL,
      profile {text} NOT NULL,
      digest {blob} NOT NULL,
      created_at {big} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    ;

    CREATE TABLE support_references (
      reference {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      session_id {text} NOT NULL,
      network {text} NOT NULL,
      browser {text} NOT NULL,
      created_at {big} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    ;
    CREATE INDEX support_references_account ON support_references (account_id);

    CREATE TABLE recoveries (
      account_id {text} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
      id {text} NOT NULL UNIQUE,
      password_version {big} NOT NULL,
      started_at {big} NOT NULL,
      ends_at {big} NOT NULL,
      next_at {big} NOT NULL,
      ended_at {big}
    ){strict}
    ;
    CREATE INDEX recoveries_due ON recoveries (next_at);

    CREATE TABLE audit_records (
      chain {text} NOT NULL,
      seq {big} NOT NULL,
      at {big} NOT NULL,
      event {text} NOT NULL,
      body {text} NOT NULL,
      prev_hash {blob} NOT NULL,
      hash {blob} NOT NULL,
      PRIMARY KEY (chain, seq)
    ){strict}
    ;
    CREATE INDEX audit_records_at ON audit_records (at);

    CREATE TABLE audit_changed (
      chain {text} PRIMARY KEY,
      seq {big} NOT NULL,
      hash {blob} NOT NULL
    ){strict}
    ;

    CREATE TABLE audit_starts (
      chain {text} PRIMARY KEY,
      key_id {text} NOT NULL,
      body {text} NOT NULL,
      signature {blob} NOT NULL
    ){strict}
    ;

    CREATE TABLE system_chains (
      chain {text} PRIMARY KEY,
      audit_seq {big} NOT NULL,
      audit_hash {blob} NOT NULL
    ){strict}
    ;

    CREATE TABLE audit_checkpoints (
      seq {big} PRIMARY KEY,
      at {big} NOT NULL,
      body {text} NOT NULL,
      signature {blob} NOT NULL
    ){strict}
    ;

    CREATE TABLE passkeys (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      name {text} NOT NULL,
      credential_id {blob} NOT NULL UNIQUE,
      public_key {blob} NOT NULL,
      sign_count {big} NOT NULL,
      model {text} NOT NULL,
      transports {text} NOT NULL,
      synced {big} NOT NULL,
      backed_up {big} NOT NULL,
      created_at {big} NOT NULL,
      last_used_at {big},
      last_used_browser {text} NOT NULL DEFAULT ''
    ){strict}
    ;
    CREATE INDEX passkeys_account ON passkeys (account_id);

    CREATE TABLE passkey_handles (
      account_id {text} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
      handle {blob} NOT NULL UNIQUE
    ){strict}
    ;

    CREATE TABLE used_challenges (
      digest {blob} PRIMARY KEY,
      expires_at {big} NOT NULL
    ){strict}
    ;
    CREATE INDEX used_challenges_end ON used_challenges (expires_at);

    CREATE TABLE remembered_browsers (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      series {blob} NOT NULL UNIQUE,
      digest {blob} NOT NULL,
      previous_digest {blob},
      rotated_at {big} NOT NULL,
      browser {text} NOT NULL,
      network {text} NOT NULL,
      created_at {big} NOT NULL,
      last_used_at {big} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    ;
    CREATE INDEX remembered_browsers_account ON remembered_browsers (account_id);
    CREATE INDEX remembered_browsers_end ON remembered_browsers (expires_at);

    CREATE TABLE installation (
      name {text} PRIMARY KEY,
      value {text} NOT NULL
    ){strict}
    ;
