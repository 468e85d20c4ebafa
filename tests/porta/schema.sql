-- Porta's tables as far as a scheduler can meet them: every key, and the columns
-- that matter among some that do not.
CREATE TABLE accounts (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  org_name varchar(255) NOT NULL DEFAULT '',
  org_legaladdress varchar(255) DEFAULT '',
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  provider tinyint(1) DEFAULT 0,
  buyer tinyint(1) DEFAULT 0,
  master tinyint(1) DEFAULT NULL,
  provider_account_id bigint DEFAULT NULL,
  domain varchar(255) DEFAULT NULL,
  self_domain varchar(255) DEFAULT NULL,
  state varchar(255) DEFAULT NULL,
  state_changed_at datetime DEFAULT NULL,
  credit_card_expires_on date DEFAULT NULL,
  timezone varchar(255) DEFAULT NULL,
  support_email varchar(255) DEFAULT NULL,
  tenant_id bigint DEFAULT NULL,
  extra_fields text,
  UNIQUE KEY index_accounts_on_domain (domain),
  UNIQUE KEY index_accounts_on_self_domain (self_domain),
  UNIQUE KEY index_accounts_on_master (master),
  KEY index_accounts_on_provider_account_id_and_created_at (provider_account_id, created_at),
  KEY index_accounts_on_provider_account_id_and_state (provider_account_id, state),
  KEY index_accounts_on_state_and_state_changed_at (state, state_changed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin;

CREATE TABLE users (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username varchar(40) DEFAULT NULL,
  email varchar(255) DEFAULT NULL,
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  account_id bigint DEFAULT NULL,
  state varchar(255) DEFAULT NULL,
  role varchar(255) DEFAULT '',
  tenant_id bigint DEFAULT NULL,
  KEY idx_account_id (account_id),
  KEY index_users_on_username (username)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin;

CREATE TABLE access_tokens (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  owner_id bigint NOT NULL,
  scopes text,
  value varchar(255) NOT NULL,
  name varchar(255) NOT NULL,
  permission varchar(255) NOT NULL,
  tenant_id bigint DEFAULT NULL,
  created_at datetime DEFAULT NULL,
  updated_at datetime DEFAULT NULL,
  expires_at datetime DEFAULT NULL,
  KEY idx_auth_tokens_of_user (owner_id),
  UNIQUE KEY idx_value_auth_tokens_of_user (value, owner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_bin;

CREATE TRIGGER access_tokens_tenant_id BEFORE INSERT ON access_tokens FOR EACH ROW
BEGIN
  IF @disable_triggers IS NULL AND NEW.tenant_id IS NULL THEN
    SET NEW.tenant_id = (
      SELECT u.tenant_id FROM users u
       WHERE u.id = NEW.owner_id
         AND NOT EXISTS (SELECT 1 FROM accounts m WHERE m.master = 1 AND m.id = u.account_id));
  END IF;
END;
