//! Where a call may go: the vendor's hosts, over https, at public addresses.
//!
//! A vendor's next link, a redirect and a server that a person named are all addresses from outside. Names are checked
//! before the call, addresses at resolution, in the resolver that the connection itself uses: a name that resolves
//! differently the second time gains nothing. An address that is written as such never reaches a resolver and is checked
//! here.
//!
//! A proxy that the environment names (`HTTPS_PROXY`) resolves for us: then its own rules decide which addresses a listed
//! host may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::error::{Error, Result};

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Not one of the vendor's hosts.
    #[error("{0} is not one of the service's hosts")]
    Foreign(String),
    /// Another scheme than https.
    #[error("only https is called; NEOTOMA_ALLOW_PRIVATE_HOSTS=1 allows http")]
    NotHttps,
    /// An address inside some network.
    #[error(
        "{0} has an address inside a private network; NEOTOMA_ALLOW_PRIVATE_HOSTS=1 allows that"
    )]
    Private(String),
    /// A name and password in the address.
    #[error("an address may hold no user name or password")]
    Userinfo,
}

impl Refusal {
    /// The error of a call whose own address is refused. Scheme and network are a person's to set right, since only the
    /// addresses that people give differ in them; the rest is an answer that points elsewhere.
    pub(super) fn of_call(self) -> Error {
        match self {
            Self::NotHttps | Self::Private(_) => Error::invalid("address", self.to_string()),
            Self::Foreign(_) | Self::Userinfo => Error::unexpected("address", self.to_string()),
        }
    }

    /// The error of an answer from `at` that sends us to a refused address.
    pub(super) fn of_redirect(self, at: &str) -> Error {
        Error::unexpected(at, format!("redirected, but {self}"))
    }
}

/// Whether an address may be called: `hosts` are the vendor's.
pub(super) fn check(url: &Url, hosts: &[String], allow_private: bool) -> Result<(), Refusal> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Userinfo);
    }
    let Some(host) = url.host() else { return Err(Refusal::NotHttps) };
    if !hosts.iter().any(|pattern| is_covered(url, pattern)) {
        return Err(Refusal::Foreign(host.to_string()));
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err(Refusal::NotHttps),
    }
    let literal = match host {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
        Host::Domain(_) => None,
    };
    match literal {
        Some(address) if !allow_private && !is_public(address) => {
            Err(Refusal::Private(address.to_string()))
        }
        _ => Ok(()),
    }
}

/// `host`, `host:port`, or `*.domain` for any name below the domain.
fn is_covered(url: &Url, pattern: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    if let Some(domain) = pattern.strip_prefix("*.") {
        let name = host.len().checked_sub(domain.len() + 1);
        return name.is_some_and(|length| {
            let (below, rest) = host.split_at_checked(length).unwrap_or_default();
            !below.is_empty()
                && rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(domain))
        });
    }
    let with_port = || format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
    host.eq_ignore_ascii_case(pattern) || with_port().eq_ignore_ascii_case(pattern)
}

/// Whether an address is one of the public internet's.
///
/// Source: "IANA IPv4 Special-Purpose Address Registry", "IANA IPv6 Special-Purpose Address Registry" (RFC 6890).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127 | 224..=255, ..] => true,
        [100, second, ..] => (64..=127).contains(&second),
        [169, second, ..] => second == 254,
        [172, second, ..] => (16..=31).contains(&second),
        [192, second, third, _] => {
            second == 168 || matches!((second, third), (0, 0 | 2) | (88, 99))
        }
        [198, second, third, _] => matches!(second, 18 | 19) || (second, third) == (51, 100),
        [203, second, third, _] => (second, third) == (0, 113),
        _ => false,
    };
    !special
}

/// Only `2000::/3` is in public use, and of that not what is set aside; addresses that carry an IPv4 one are as public as
/// that.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// The addresses that connections may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The public internet.
    Public,
    /// This machine: all calls go to the egress override.
    Loopback,
    /// Anything.
    Any,
}

impl Reach {
    fn covers(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Loopback => address.is_loopback(),
            Self::Any => true,
        }
    }
}

/// The system's resolver, without the addresses that are out of reach.
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let within: Vec<SocketAddr> =
                found.iter().copied().filter(|address| reach.covers(address.ip())).collect();
            if within.is_empty() && !found.is_empty() {
                return Err(Refusal::Private(name.as_str().to_owned()).into());
            }
            Ok(Box::new(within.into_iter()) as Addrs)
        })
    }
}

/// The refusal that a connection ended with, if it was one.
pub(super) fn refusal(error: &reqwest::Error) -> Option<Refusal> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(refusal.clone());
        }
        cause = error.source();
    }
    None
}

/// Where all calls go instead, for tests and sandboxes: `https://HOST/PATH` of provider `ID` to `<base>/ID/HOST/PATH`.
#[derive(Clone, Debug)]
pub(super) struct Override(String);

impl Override {
    /// Takes a loopback address.
    ///
    /// # Errors
    /// [`Error::Invalid`] for every other: credentials would leave the machine unencrypted.
    pub(super) fn new(base: &Url) -> Result<Self> {
        let loopback = match base.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let plain = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !loopback || !plain || base.scheme() != "http" {
            return Err(Error::invalid(
                "NEOTOMA_EGRESS_OVERRIDE",
                "only a plain address of this machine will do, such as http://127.0.0.1:8080",
            ));
        }
        Ok(Self(base.as_str().trim_end_matches('/').to_owned()))
    }

    /// Where a call of `provider` goes.
    pub(super) fn apply(&self, provider: &str, url: &Url) -> Result<Url> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let target = url
            .as_str()
            .get(url[..url::Position::BeforePath].len()..url[..url::Position::AfterQuery].len())
            .unwrap_or_default();
        Url::parse(&format!("{}/{provider}/{host}{port}{target}", self.0))
            .map_err(|cause| Error::unexpected("address", cause.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, hosts: &[&str]) -> Result<(), Refusal> {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        check(&Url::parse(address).unwrap(), &hosts, false)
    }

    #[test]
    fn only_the_vendors_hosts_are_called() {
        let hosts = ["api.example.com", "*.example.net", "dav.example.org:8443"];
        for fine in [
            "https://api.example.com/a?b",
            "https://API.EXAMPLE.COM/",
            "https://a.example.net/",
            "https://a.b.example.net/",
            "https://dav.example.org:8443/",
        ] {
            assert_eq!(allowed(fine, &hosts), Ok(()), "{fine}");
        }
        for foreign in [
            "https://example.com/",
            "https://evil-api.example.com/",
            "https://api.example.com.evil.example/",
            "https://example.net/",
            "https://.example.net/",
            "https://evilexample.net/",
            "https://api.example.com./",
            "https://dav.example.org/",
            "https://dav.example.org:8444/",
        ] {
            assert!(matches!(allowed(foreign, &hosts), Err(Refusal::Foreign(_))), "{foreign}");
        }
        let in_front = "https://api.example.com@evil.example/";
        assert_eq!(allowed(in_front, &hosts), Err(Refusal::Userinfo));
        assert_eq!(allowed("https://a:b@api.example.com/", &hosts), Err(Refusal::Userinfo));
    }

    #[test]
    fn http_and_other_schemes_are_refused_unless_the_operator_allows_private_hosts() {
        let hosts = ["api.example.com".to_owned(), "10.0.0.1".to_owned()];
        for (address, private, allowed) in [
            ("http://api.example.com/", false, false),
            ("http://api.example.com/", true, true),
            ("ftp://api.example.com/", true, false),
            ("file:///etc/passwd", true, false),
            ("https://10.0.0.1/", false, false),
            ("http://10.0.0.1/", true, true),
        ] {
            let done = check(&Url::parse(address).unwrap(), &hosts, private);
            assert_eq!(done.is_ok(), allowed, "{address} {private}: {done:?}");
        }
    }

    #[test]
    fn addresses_inside_networks_are_refused_in_every_spelling() {
        for private in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:7f00:1]",
            "[fd00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[64:ff9b::10.0.0.1]",
            "[2002:a00:1::]",
            "[2001:db8::1]",
            "[2001::1]",
            "[::10.0.0.1]",
            "[100::1]",
            "[64:ff9b:1::1]",
        ] {
            let url = Url::parse(&format!("https://{private}/")).unwrap();
            let hosts = [url.host_str().unwrap().to_owned()];
            let done = check(&url, &hosts, false);
            assert!(matches!(done, Err(Refusal::Private(_))), "{private}: {done:?}");
        }
        for public in
            ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "[64:ff9b::8.8.8.8]"]
        {
            let url = Url::parse(&format!("https://{public}/")).unwrap();
            assert_eq!(
                check(&url, &[url.host_str().unwrap().to_owned()], false),
                Ok(()),
                "{public}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_is_checked_where_it_is_resolved() {
        let resolve =
            |reach: Reach| async move { reach.resolve("localhost".parse().unwrap()).await };
        let refused = resolve(Reach::Public).await.err().unwrap();
        assert_eq!(refused.downcast_ref(), Some(&Refusal::Private("localhost".into())));
        for reach in [Reach::Loopback, Reach::Any] {
            assert!(resolve(reach).await.unwrap().all(|address| address.ip().is_loopback()));
        }
    }

    #[test]
    fn the_override_takes_this_machine_only() {
        for fine in
            ["http://127.0.0.1:1", "http://localhost:1/base/", "http://[::1]:1", "http://127.9.9.9"]
        {
            assert!(Override::new(&Url::parse(fine).unwrap()).is_ok(), "{fine}");
        }
        for bad in [
            "http://10.0.0.1:1",
            "http://example.com",
            "http://localhost.example.com",
            "http://a:b@127.0.0.1",
            "http://127.0.0.1/?q",
            "http://127.0.0.1/#f",
            "ftp://127.0.0.1",
            "https://127.0.0.1",
            "file:///tmp",
        ] {
            let done = Override::new(&Url::parse(bad).unwrap());
            assert!(matches!(done, Err(Error::Invalid { .. })), "{bad}");
        }
    }

    #[test]
    fn the_override_keeps_host_port_path_and_query_and_doubles_no_slash() {
        for (base, from, to) in [
            (
                "http://127.0.0.1:9",
                "https://h.example/a/b?c=d%20e#f",
                "http://127.0.0.1:9/id/h.example/a/b?c=d%20e",
            ),
            ("http://127.0.0.1:9/", "https://h.example", "http://127.0.0.1:9/id/h.example/"),
            (
                "http://127.0.0.1:9/x/",
                "https://h.example:443/",
                "http://127.0.0.1:9/x/id/h.example/",
            ),
            (
                "http://127.0.0.1:9",
                "https://h.example:8443/a/",
                "http://127.0.0.1:9/id/h.example:8443/a/",
            ),
        ] {
            let base = Override::new(&Url::parse(base).unwrap()).unwrap();
            assert_eq!(base.apply("id", &Url::parse(from).unwrap()).unwrap().as_str(), to);
        }
    }
}
