//! The Secrets that `scripts/deployment/secrets.sh` makes.

/// Each Secret that `scripts/deployment/secrets.sh` makes, and its keys.
pub const SECRETS: [(&str, &[&str]); 14] = [
    ("alertmanager", &["critical-url", "warning-url"]),
    ("api-tls", &["tls.crt", "tls.key"]),
    ("api-tokens", &["tokens.json"]),
    ("cache", &["password", "users.acl", "monitor-password"]),
    ("caller-secret", &["secret"]),
    ("database-api", &["password", "username"]),
    ("database-backup", &["password", "username"]),
    ("database-ca", &["ca.crt"]),
    ("database-monitor", &["password", "username"]),
    ("database-owner", &["password", "username"]),
    ("database-report", &["password", "username"]),
    ("database-superuser", &["password", "username"]),
    ("database-tls", &["tls.crt", "tls.key", "ca.crt"]),
    ("grafana-admin", &["password", "username"]),
];

/// Whether there is such a key of such a Secret.
pub fn has_key(secret: &str, key: &str) -> bool {
    SECRETS.iter().any(|(name, keys)| *name == secret && keys.contains(&key))
}
