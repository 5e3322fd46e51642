//! Which profile runs: one process by itself, or many that share wire and budgets through Redis.
//! Decided here, from the settings, and nowhere else.

use anyhow::Context as _;
use repilot_queue::Wire;
use repilot_redis::RedisAddress;
use repilot_throttle::SharedBudgets;
use repilot_worker::Links;

use crate::app::App;

/// What connects this process's worker with others.
pub(crate) fn links(app: &App) -> anyhow::Result<Links> {
    let Some(budgets) = budgets(app)? else {
        return Ok(Links::none());
    };
    let redis = &app.settings.redis;
    let address = RedisAddress::parse(redis.url.as_given()).context("[redis] url")?;
    let (wire, receiver) = Wire::shared(address, &redis.prefix, app.clock.clone());
    Ok(Links {
        wire,
        receiver,
        budgets: Some(budgets),
    })
}

/// The budgets that all processes draw on, where there are any. A rehearsal has its own.
pub(crate) fn budgets(app: &App) -> anyhow::Result<Option<SharedBudgets>> {
    let redis = &app.settings.redis;
    if redis.url.is_empty() || app.is_simulated() {
        return Ok(None);
    }
    let address = RedisAddress::parse(redis.url.as_given()).context("[redis] url")?;
    Ok(Some(SharedBudgets::new(address, &redis.prefix)))
}
