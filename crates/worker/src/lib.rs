//! One job's life: permit, claim, call, decide, settle; supervision, rescue, shutdown.
