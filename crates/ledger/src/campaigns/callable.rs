//! Campaigns of a tenant that may call.

/// The campaigns of a tenant whose devices may be called; takes the tenant and the time.
pub(crate) const CALLABLE: &str = "tenant = $1
           AND ended_at IS NULL
           AND status = 'active'
           AND attended_until > $2
           AND runs_from <= $2
           AND runs_until > $2
           AND canary_phase <> 'choosing'";
