//! `inventory`: a tenant's devices, as Graph lists them.

use std::io::Write as _;

use repilot_dashboard::Progress;
use repilot_domain::Device;
use repilot_ledger::{Ledger, Listing};
use repilot_producer::{Condition, defused};
use serde::Serialize;

use crate::app::App;
use crate::args::{ExportFormat, InventoryCommand, InventoryFilter};
use crate::inventory::{self, Freshness};
use crate::tenant::tenants;
use crate::terminal::exit::Exit;
use crate::terminal::failure::Failure;
use crate::terminal::output::{
    moment, plain, print, print_json, reader_has_gone, rendered, say, table,
};

/// As many devices as a person looks at in a terminal.
const SHOWN: usize = 100;

const HEADER: [&str; 12] = [
    "id",
    "serialNumber",
    "userPrincipalName",
    "addressableUserName",
    "groupTag",
    "manufacturer",
    "model",
    "displayName",
    "managedDeviceId",
    "azureActiveDirectoryDeviceId",
    "enrollmentState",
    "lastContactedDateTime",
];

/// What was listed, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    tenant: String,
    devices: i64,
    listed_at: repilot_domain::Timestamp,
    /// Items that could not be read and are left out, in words.
    unreadable: Vec<String>,
}

pub(crate) async fn run(app: &App, command: &InventoryCommand) -> anyhow::Result<Exit> {
    match command {
        InventoryCommand::Sync { tenant } => {
            let name = tenants::choose(&app.settings, tenant.as_ref())?;
            let tenant = tenants::build(&app.settings, &app.clock, &name)?;
            let ledger = app.open_ledger().await?;
            let listing =
                inventory::list(app, &ledger, &tenant, Freshness::Now, &Progress::default())
                    .await?;
            ledger.close().await;
            for item in &listing.unreadable {
                say(&format!("left out, as it cannot be read: {}", plain(item)));
            }
            if app.json {
                print_json(&Report {
                    tenant: name.to_string(),
                    devices: listing.devices,
                    listed_at: listing.begun_at,
                    unreadable: listing.unreadable,
                })?;
            } else {
                print(&format!("{} devices of tenant {name}", listing.devices));
            }
        }
        InventoryCommand::List(filter) => {
            let (ledger, listing) = kept(app, filter).await?;
            let devices = devices(app, &ledger, &listing, &filter.conditions).await?;
            if app.json {
                print_json(&devices)?;
                return Ok(Exit::Done);
            }
            let mut rows = table(&[
                "SERIAL",
                "MODEL",
                "GROUP TAG",
                "USER",
                "ENROLMENT",
                "LAST CONTACT",
            ]);
            for device in devices.iter().take(SHOWN) {
                rows.add_row([
                    plain(&device.serial),
                    plain(&device.model),
                    plain(&device.group_tag),
                    plain(&device.user_principal_name),
                    device.enrollment_state.to_string(),
                    device.last_contacted.map(moment).unwrap_or_default(),
                ]);
            }
            print(&rendered(&rows));
            let more = devices.len().saturating_sub(SHOWN);
            if more > 0 {
                say(&format!(
                    "and {more} more; `repilot inventory export` writes all of them"
                ));
            }
        }
        InventoryCommand::Export { filter, format } => {
            let (ledger, listing) = kept(app, filter).await?;
            let devices = devices(app, &ledger, &listing, &filter.conditions).await?;
            match format.unwrap_or(if app.json {
                ExportFormat::Json
            } else {
                ExportFormat::Csv
            }) {
                ExportFormat::Json => print_json(&devices)?,
                ExportFormat::Csv => match write_csv(&devices) {
                    Err(error) if reader_has_gone(&error) => {}
                    written => written?,
                },
            }
        }
    }
    Ok(Exit::Done)
}

/// The newest complete listing of the tenant, however old.
async fn kept(app: &App, filter: &InventoryFilter) -> anyhow::Result<(Ledger, Listing)> {
    let tenant = tenants::choose(&app.settings, filter.tenant.as_ref())?;
    let ledger = app.open_ledger_to_look().await?;
    let Some(listing) = ledger
        .listing(&tenant, &tenants::source(&app.settings, &tenant), true)
        .await?
    else {
        return Err(Failure::error(
            format!("the inventory of tenant `{tenant}` was never listed to its end"),
            "list it with `repilot inventory sync`",
        ));
    };
    say(&format!("as of {}", moment(listing.begun_at)));
    Ok((ledger, listing))
}

async fn devices(
    app: &App,
    ledger: &Ledger,
    listing: &Listing,
    conditions: &[Condition],
) -> anyhow::Result<Vec<Device>> {
    let now = app.now();
    let listed = inventory::load(ledger, listing).await?;
    let meant = |device: &&Device| Condition::all_hold(conditions, device, now);
    let devices = listed.inventory.devices().iter().filter(meant).cloned();
    Ok(devices.collect())
}

/// Under Graph's own names, so that it is a list to read again.
fn write_csv(devices: &[Device]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record(HEADER)?;
    for device in devices {
        let contacted = device.last_contacted.map(moment).unwrap_or_default();
        let cells = [
            device.id.as_str(),
            &device.serial,
            &device.user_principal_name,
            &device.addressable_user_name,
            &device.group_tag,
            &device.manufacturer,
            &device.model,
            &device.display_name,
            &device.managed_device_id,
            &device.entra_device_id,
            device.enrollment_state.as_str(),
            &contacted,
        ];
        writer.write_record(cells.map(defused))?;
    }
    writer.flush()?;
    std::io::stdout().flush()?;
    Ok(())
}
