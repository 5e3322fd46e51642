//! Inventories: a tenant's devices as Graph listed them, page by page.
//!
//! A listing that was broken off goes on where it stopped; until its last page is in, it is nobody's
//! inventory. Of each tenant the newest complete listing is kept, and one that is under way.

use repilot_domain::{Device, TenantName, Timestamp};
use sqlx::Row as _;

use super::sighting::hold_against;
use crate::error::QueryContext as _;
use crate::storage::rows::Columns;
use crate::{Ledger, LedgerError};

/// A listing of a tenant's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Whose devices.
    pub tenant: TenantName,
    /// Which listing of the tenant's.
    pub number: i64,
    /// When it was begun: what it says is no younger.
    pub begun_at: Timestamp,
    /// When its last page came.
    pub finished_at: Option<Timestamp>,
    /// Devices so far.
    pub devices: i64,
    /// Where it goes on.
    pub next_link: Option<String>,
    /// Pages so far.
    pub pages: i64,
    /// How many devices Graph says that there are; kept with the next page.
    pub promised: Option<u64>,
    /// Items that could not be read, in words; kept with the next page.
    pub unreadable: Vec<String>,
}

impl Ledger {
    /// The tenant's newest listing from `source`: complete, or broken off, or just under way.
    pub async fn listing(
        &self,
        tenant: &TenantName,
        source: &str,
        complete: bool,
    ) -> Result<Option<Listing>, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT listings.*,
                    (
                        SELECT COUNT(*)
                        FROM listing_pages
                        WHERE listing_pages.tenant = listings.tenant
                          AND listing_pages.listing = listings.number
                    ) AS pages
             FROM listings
             WHERE tenant = $1
               AND source = $2
               AND (finished_at IS NOT NULL) = ($3 = 1)
             ORDER BY number DESC
             LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(source)
        .bind(i64::from(complete))
        .fetch_optional(&mut *reader)
        .await
        .doing("look for a listing")?;
        let Some(row) = row else {
            return Ok(None);
        };
        let columns = Columns::of("listings", &row);
        Ok(Some(Listing {
            tenant: columns.word("tenant")?,
            number: columns.get("number")?,
            begun_at: columns.time("begun_at")?,
            finished_at: columns.time_if_any("finished_at")?,
            devices: columns.get("devices")?,
            next_link: columns.get("next_link")?,
            pages: columns.get("pages")?,
            promised: columns
                .get::<Option<i64>>("promised")?
                .map(i64::unsigned_abs),
            unreadable: serde_json::from_str(&columns.get::<String>("unreadable")?)
                .map_err(LedgerError::Batch)?,
        }))
    }

    /// Begins a listing, in place of those that were broken off.
    pub async fn begin_listing(
        &self,
        tenant: &TenantName,
        source: &str,
        now: Timestamp,
    ) -> Result<Listing, LedgerError> {
        let mut transaction = self.begin().await?;
        // Takes the next number, or waits for whoever takes it and then the one after it.
        let number: i64 = loop {
            let row = sqlx::query(
                "INSERT INTO listings (tenant, number, source, begun_at, users)
                 SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, 0
                 FROM listings
                 WHERE tenant = $1
                 ON CONFLICT DO NOTHING
                 RETURNING number",
            )
            .bind(tenant.as_str())
            .bind(source)
            .bind(now.as_millis())
            .fetch_optional(&mut *transaction)
            .await
            .doing("begin a listing")?;
            if let Some(row) = row {
                break row.try_get("number").doing("begin a listing")?;
            }
        };
        for statement in [
            "DELETE FROM listings WHERE tenant = $1 AND finished_at IS NULL AND number <> $2",
            "DELETE FROM listing_pages
             WHERE tenant = $1
               AND listing < $2
               AND listing NOT IN (SELECT number FROM listings WHERE tenant = $1)",
        ] {
            sqlx::query(statement)
                .bind(tenant.as_str())
                .bind(number)
                .execute(&mut *transaction)
                .await
                .doing("forget a listing that was broken off")?;
        }
        self.commit(transaction, "begin a listing").await?;
        Ok(Listing {
            tenant: tenant.clone(),
            number,
            begun_at: now,
            finished_at: None,
            devices: 0,
            next_link: None,
            pages: 0,
            promised: None,
            unreadable: Vec::new(),
        })
    }

    /// Keeps a page that was asked for at `sent_at`, and where the listing goes on, with what the listing
    /// says of its doubts. The last page, from which nothing goes on, makes it the tenant's inventory, and
    /// what was that before is forgotten. What the page shows of devices that wait for their calls is a
    /// sighting of them.
    ///
    /// [`LedgerError::Contended`] when another process has begun the listing anew.
    pub async fn keep_page(
        &self,
        listing: &mut Listing,
        devices: &[Device],
        next_link: Option<&str>,
        (sent_at, now): (Timestamp, Timestamp),
    ) -> Result<(), LedgerError> {
        let mut transaction = self.begin().await?;
        let has_user = |device: &&Device| !device.user_principal_name.trim().is_empty();
        let users = devices.iter().filter(has_user).count();
        let count = i64::try_from(devices.len()).unwrap_or(i64::MAX);
        let finished_at = next_link.is_none().then_some(now);
        let promised = listing
            .promised
            .map(|devices| i64::try_from(devices).unwrap_or(i64::MAX));
        let noted = sqlx::query(
            "UPDATE listings
             SET devices = devices + $3,
                 next_link = $4,
                 finished_at = $5,
                 promised = $7,
                 unreadable = $8,
                 users = users + $9
             WHERE tenant = $1
               AND number = $2
               AND finished_at IS NULL
               AND COALESCE(next_link, '') = $6",
        )
        .bind(listing.tenant.as_str())
        .bind(listing.number)
        .bind(count)
        .bind(next_link)
        .bind(finished_at.map(Timestamp::as_millis))
        .bind(listing.next_link.as_deref().unwrap_or(""))
        .bind(promised)
        .bind(serde_json::to_string(&listing.unreadable).map_err(LedgerError::Batch)?)
        .bind(i64::try_from(users).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await
        .doing("keep a page of the inventory")?;
        if noted.rows_affected() != 1 {
            return Err(LedgerError::Contended);
        }
        sqlx::query(
            "INSERT INTO listing_pages (tenant, listing, page, devices)
             SELECT $1, $2, COALESCE(MAX(page), 0) + 1, $3
             FROM listing_pages
             WHERE tenant = $1 AND listing = $2",
        )
        .bind(listing.tenant.as_str())
        .bind(listing.number)
        .bind(serde_json::to_string(devices).map_err(LedgerError::Batch)?)
        .execute(&mut *transaction)
        .await
        .doing("keep a page of the inventory")?;
        hold_against(&mut transaction, &listing.tenant, devices, sent_at).await?;
        if finished_at.is_some() {
            for statement in [
                "DELETE FROM listing_pages WHERE tenant = $1 AND listing < $2",
                "DELETE FROM listings WHERE tenant = $1 AND number < $2",
            ] {
                sqlx::query(statement)
                    .bind(listing.tenant.as_str())
                    .bind(listing.number)
                    .execute(&mut *transaction)
                    .await
                    .doing("forget the inventory before")?;
            }
        }
        self.commit(transaction, "keep a page of the inventory")
            .await?;
        listing.devices += count;
        listing.pages += 1;
        listing.next_link = next_link.map(str::to_owned);
        listing.finished_at = finished_at;
        if finished_at.is_some() {
            self.finish_sighting(listing).await?;
            self.note_users_again(listing).await?;
        }
        Ok(())
    }

    /// Hands the devices of a complete listing on, page by page, in order.
    ///
    /// [`LedgerError::Contended`] when a newer listing took its place meanwhile: what was handed on
    /// is then no inventory.
    pub async fn listed_devices(
        &self,
        listing: &Listing,
        mut take: impl FnMut(Device) + Send,
    ) -> Result<(), LedgerError> {
        let mut page = 0;
        let mut handed_on = 0;
        while let Some((number, devices)) = self.listed_page(listing, page).await? {
            page = number;
            handed_on += i64::try_from(devices.len()).unwrap_or(i64::MAX);
            devices.into_iter().for_each(&mut take);
        }
        // A newer listing may have taken this one's place while it was read.
        let whole = handed_on == listing.devices;
        whole.then_some(()).ok_or(LedgerError::Contended)
    }

    /// The page of a listing that comes after that one, with its number.
    pub(crate) async fn listed_page(
        &self,
        listing: &Listing,
        after: i64,
    ) -> Result<Option<(i64, Vec<Device>)>, LedgerError> {
        let mut reader = self.reader().await?;
        let row = sqlx::query(
            "SELECT page, devices FROM listing_pages
             WHERE tenant = $1 AND listing = $2 AND page > $3
             ORDER BY page
             LIMIT 1",
        )
        .bind(listing.tenant.as_str())
        .bind(listing.number)
        .bind(after)
        .fetch_optional(&mut *reader)
        .await
        .doing("read the inventory")?;
        let Some(row) = row else {
            return Ok(None);
        };
        let columns = Columns::of("listing_pages", &row);
        let text: String = columns.get("devices")?;
        let devices = serde_json::from_str(&text).map_err(LedgerError::Batch)?;
        Ok(Some((columns.get("page")?, devices)))
    }
}
