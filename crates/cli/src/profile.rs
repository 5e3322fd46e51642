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
    let Some(address) = redis(app)? else {
        return Ok(Links::none());
    };
    let prefix = &app.settings.redis.prefix;
    let budgets = SharedBudgets::new(address.clone(), prefix);
    let (wire, receiver) = Wire::shared(address, prefix, app.clock.clone());
    Ok(Links {
        wire,
        receiver,
        budgets: Some(budgets),
    })
}

/// The budgets that all processes draw on, where there are any.
pub(crate) fn budgets(app: &App) -> anyhow::Result<Option<SharedBudgets>> {
    let prefix = &app.settings.redis.prefix;
    Ok(redis(app)?.map(|address| SharedBudgets::new(address, prefix)))
}

/// What processes share, where they share anything. A rehearsal shares nothing.
fn redis(app: &App) -> anyhow::Result<Option<RedisAddress>> {
    let url = &app.settings.redis.url;
    if url.is_empty() || app.is_simulated() {
        return Ok(None);
    }
    let address = RedisAddress::parse(url.as_given()).context("[redis] url")?;
    Ok(Some(address))
}
