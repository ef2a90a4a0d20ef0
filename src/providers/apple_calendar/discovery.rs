//! Finding an account's calendars: the server's address leads to the principal, that to the home, that to the calendars. All
//! of it is asked anew in each run, since iCloud moves accounts between its partitions.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    error::{Error, Result},
    http::{Call, Client},
    wire::{
        dav::{self, Depth, Multistatus, Name, Props},
        ics::Zone,
    },
};

const ICLOUD: &str = "https://caldav.icloud.com/";
/// Where a server that is named by its host alone keeps its calendars (RFC 6764).
const WELL_KNOWN: &str = "/.well-known/caldav";

/// Whose calendars they are.
#[derive(Debug)]
pub struct Principal {
    /// Mail addresses that invitations reach them at.
    pub addresses: Vec<String>,
    homes: Vec<Url>,
}

/// A calendar of events as the account's home lists it.
#[derive(Debug)]
pub struct Calendar {
    /// The last segment of its address.
    pub id: String,
    pub url: Url,
    pub bearing: Bearing,
    /// The zone of times that name none.
    pub zone: Zone,
    /// It can tell what changed since a token was given.
    pub tells_changes: bool,
    /// The token that it would give now.
    pub token: Option<String>,
    /// What differs once anything in it changed (`getctag`).
    pub tag: Option<String>,
}

/// What the records of a calendar take from it: its name, and the zone of times without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearing {
    pub name: String,
    zone: String,
}

impl Calendar {
    /// The place of the records that a member holds. Servers may write one address in several ways; the file's name is the
    /// same in all.
    pub fn place(&self, member: &str) -> String {
        format!("{}/{member}", self.id)
    }
}

/// The file name at the end of an address.
pub fn last_segment(address: &str) -> String {
    let path = address.trim_end_matches('/');
    let segment = path.rsplit_once('/').map_or(path, |(_, segment)| segment);
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// A secret that calls cannot be made without.
pub fn secret(client: &Client, name: &'static str) -> Result<SecretString> {
    client.secret(name).ok_or_else(|| Error::invalid(name, "is missing"))
}

/// A call with the account's name and password.
pub fn call(client: &Client, method: &str, url: &Url) -> Result<Call> {
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Error::unexpected(method, "is no method"))?;
    let (name, password) = (secret(client, "username")?, secret(client, "password")?);
    Ok(client.call(method, url.as_str()).basic(&name, &password))
}

/// Asks for properties, which are named as the elements that they are.
pub async fn propfind(
    client: &Client,
    url: &Url,
    depth: Depth,
    properties: &str,
) -> Result<Multistatus> {
    let body = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"><D:prop>{properties}</D:prop></D:propfind>"#
    );
    dav::ask(call(client, "PROPFIND", url)?, depth, body).await
}

/// The zone of times that name none, where the calendar has none either.
///
/// # Errors
/// `Invalid` where the setting is no zone's name.
pub fn default_zone(client: &Client) -> Result<Zone> {
    let Some(name) = client.setting("time_zone") else { return Ok(Zone::UTC) };
    Zone::named(name).ok_or_else(|| {
        Error::invalid("time_zone", "is no time zone's IANA name, as Europe/Berlin is one")
    })
}

/// Whose calendars they are, found once a run.
pub async fn principal(client: &Client) -> Result<Arc<Principal>> {
    client.once("principal", || find_principal(client)).await
}

async fn find_principal(client: &Client) -> Result<Principal> {
    let given = client.setting("server_url");
    let server = Url::parse(given.unwrap_or(ICLOUD))
        .map_err(|_| Error::invalid("server_url", "is no address"))?;
    let mut at = server.clone();
    let mut found = match about_user(client, &at).await {
        Err(Error::NotFound | Error::Forbidden(_) | Error::Unexpected { .. }) => Props::default(),
        found => found?,
    };
    if !leads_on(&found) {
        at = join(&server, WELL_KNOWN)?;
        found = match about_user(client, &at).await {
            Err(Error::NotFound | Error::Forbidden(_) | Error::Unexpected { .. })
                if given.is_some() =>
            {
                let problem = "no CalDAV server answers there: give the address that its help names for calendars";
                return Err(Error::invalid("server_url", problem));
            }
            found => found?,
        };
    }
    if found.calendar_home_set.is_empty()
        && let Some(principal) = found.current_user_principal.first()
    {
        at = join(&at, principal)?;
        found = about_user(client, &at).await?;
    }
    let homes: Vec<Url> =
        found.calendar_home_set.iter().map(|home| join(&at, home)).collect::<Result<_>>()?;
    if homes.is_empty() {
        return Err(Error::unexpected("calendar-home-set", "the account has no calendars"));
    }
    let mails = found.calendar_user_address_set.iter().filter_map(|of| of.strip_prefix("mailto:"));
    Ok(Principal { addresses: mails.map(str::to_owned).collect(), homes })
}

fn leads_on(found: &Props) -> bool {
    !(found.current_user_principal.is_empty() && found.calendar_home_set.is_empty())
}

async fn about_user(client: &Client, url: &Url) -> Result<Props> {
    let properties =
        "<D:current-user-principal/><C:calendar-home-set/><C:calendar-user-address-set/>";
    let found = propfind(client, url, Depth::Zero, properties).await?;
    Ok(found.responses.into_iter().next().map(|of| of.props).unwrap_or_default())
}

/// The account's calendars that hold events, found once a run. Ones of somewhere else that it only shows are not its own.
pub async fn calendars(client: &Client) -> Result<Arc<Vec<Calendar>>> {
    client
        .once("calendars", || async {
            let default = default_zone(client)?;
            let mut all: Vec<Calendar> = Vec::new();
            for home in &principal(client).await?.homes {
                let properties = "<D:resourcetype/><D:displayname/><C:supported-calendar-component-set/><D:supported-report-set/>\
                    <D:sync-token/><S:getctag/><C:calendar-timezone/>";
                for of in propfind(client, home, Depth::One, properties).await?.responses {
                    if holds_events(&of.props) {
                        let calendar = calendar(home, &of.href, of.props, &default, &all)?;
                        all.push(calendar);
                    }
                }
            }
            Ok(all)
        })
        .await
}

fn holds_events(props: &Props) -> bool {
    let is = |name| props.resourcetype.contains(&name);
    let components = &props.supported_calendar_component_set;
    let events = components.is_empty() || components.iter().any(|of| of == "VEVENT");
    is(Name::Calendar) && !is(Name::Subscribed) && events
}

fn calendar(
    home: &Url,
    href: &str,
    props: Props,
    default: &Zone,
    others: &[Calendar],
) -> Result<Calendar> {
    let mut url = join(home, href)?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    let mut id = last_segment(href);
    if others.iter().any(|other| other.id == id) {
        id = percent_decode_str(url.path().trim_matches('/')).decode_utf8_lossy().into_owned();
    }
    let own = props.calendar_timezone.as_deref().and_then(Zone::described);
    let zone = own.unwrap_or_else(|| default.clone());
    let bearing = Bearing {
        name: props.displayname.unwrap_or_else(|| id.clone()),
        zone: zone.name().unwrap_or_default().to_owned(),
    };
    Ok(Calendar {
        id,
        url,
        bearing,
        zone,
        // A server that says nothing of reports is taken at its token.
        tells_changes: match &props.supported_report_set[..] {
            [] => props.sync_token.is_some(),
            reports => reports.contains(&Name::SyncCollection),
        },
        token: props.sync_token,
        tag: props.getctag,
    })
}

/// The address that an answer names. A server behind a proxy may believe that it is called over http.
fn join(base: &Url, href: &str) -> Result<Url> {
    let odd = || Error::unexpected("href", "is no address");
    let mut url = base.join(href.trim()).map_err(|_| odd())?;
    if url.host() == base.host() && base.scheme() == "https" && url.scheme() == "http" {
        url.set_scheme("https").and_then(|()| url.set_port(base.port())).map_err(|()| odd())?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_joined_as_it_is_given_and_stays_with_https() {
        let joined =
            |base: &str, href: &str| join(&Url::parse(base).unwrap(), href).unwrap().to_string();
        assert_eq!(
            joined("https://caldav.icloud.com/", "https://p44-caldav.icloud.com:443/1/calendars/"),
            "https://p44-caldav.icloud.com/1/calendars/"
        );
        assert_eq!(joined("https://x.de/dav", "/jane%40x/home/"), "https://x.de/jane%40x/home/");
        assert_eq!(joined("https://x.de:8443/", "http://x.de/home/"), "https://x.de:8443/home/");
        assert_eq!(joined("http://x.de:5232/", "http://x.de:5232/a/"), "http://x.de:5232/a/");
    }

    #[test]
    fn a_file_is_named_the_same_however_its_address_is_written() {
        for address in
            ["/a/odd%20name%20%C3%BC.ics", "https://x/b/odd name ü.ics", "odd%20name%20ü.ics/"]
        {
            assert_eq!(last_segment(address), "odd name ü.ics");
        }
        assert_eq!(last_segment("/"), "");
    }
}
