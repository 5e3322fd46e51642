//! The proxy that the environment or the operating system names.
//!
//! The HTTP library reads the same variables, and takes one that it cannot read for none: the call
//! then goes past the proxy. So they are read here, what cannot be read is an error, and the library is
//! told what was read.

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// Variables that name the proxy for `https:` addresses, the first that is not empty wins.
const FOR_HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Variables that name the proxy for `http:` addresses, which neither Graph nor Entra has.
const FOR_HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

/// Variables that name the hosts which are called past the proxy.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy for calls to `https:` addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    source: ProxySource,
    /// Hosts that are called past the proxy, separated by commas, and the variable that names them.
    exceptions: Option<(&'static str, String)>,
    /// A variable that names a proxy for `http:` alone.
    for_http_alone: Option<&'static str>,
}

/// Where the proxy stands.
#[derive(Clone, PartialEq, Eq)]
pub enum ProxySource {
    /// No variable names one: on Windows and macOS the system's settings do, if any.
    System,
    /// An environment variable names it; the URL may carry a password.
    Variable(&'static str, Url),
}

impl std::fmt::Debug for ProxySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => formatter.write_str("System"),
            Self::Variable(name, url) => write!(formatter, "Variable({name}, {})", shown(url)),
        }
    }
}

/// A proxy variable that cannot be read. Its value is not shown, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy in {variable} cannot be read: {why}")]
pub struct ProxyError {
    /// The variable's name.
    pub variable: &'static str,
    /// What is wrong with its value, and how it is written.
    pub why: &'static str,
}

impl Proxy {
    /// Reads the environment.
    pub fn from_environment() -> Result<Self, ProxyError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables by `variable`, which gives a variable's value.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let set = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?;
                let value = value.trim();
                (!value.is_empty()).then(|| (*name, value.to_owned()))
            })
        };
        let source = match set(&FOR_HTTPS) {
            Some((name, value)) => ProxySource::Variable(name, parse(name, &value)?),
            None => ProxySource::System,
        };
        let for_http_alone = match &source {
            ProxySource::System => set(&FOR_HTTP).map(|(name, _)| name),
            ProxySource::Variable(..) => None,
        };
        Ok(Self {
            source,
            exceptions: set(&EXCEPTIONS).map(|(name, value)| (name, as_the_library_reads(&value))),
            for_http_alone,
        })
    }

    /// Whether a variable names one.
    #[must_use]
    pub fn is_named(&self) -> bool {
        matches!(self.source, ProxySource::Variable(..))
    }

    /// Tells an HTTP client of the proxy.
    pub fn apply(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> reqwest::Result<reqwest::ClientBuilder> {
        match &self.source {
            ProxySource::System if cfg!(any(windows, target_os = "macos")) => Ok(builder),
            ProxySource::System => Ok(builder.no_proxy()),
            ProxySource::Variable(_, url) => {
                let exceptions = self.exceptions.as_ref();
                let exceptions =
                    exceptions.and_then(|(_, hosts)| reqwest::NoProxy::from_string(hosts));
                let proxy = reqwest::Proxy::all(url.as_str())?.no_proxy(exceptions);
                Ok(builder.no_proxy().proxy(proxy))
            }
        }
    }

    /// The proxy that calls to `address` go through, without its password; none where they go past it.
    #[must_use]
    pub fn on_the_way_to(&self, address: &str) -> Option<String> {
        let matcher = match &self.source {
            ProxySource::System if cfg!(any(windows, target_os = "macos")) => {
                Matcher::from_system()
            }
            ProxySource::System => return None,
            ProxySource::Variable(_, url) => {
                let hosts = self.exceptions.as_ref().map_or("", |(_, hosts)| hosts);
                Matcher::builder().all(url.to_string()).no(hosts).build()
            }
        };
        let through = matcher.intercept(&address.parse().ok()?)?;
        Some(match &self.source {
            ProxySource::System => through.uri().to_string(),
            ProxySource::Variable(_, url) => shown(url),
        })
    }

    /// Says in one line which proxy is used, and from where.
    #[must_use]
    pub fn described(&self) -> String {
        let exceptions = match &self.exceptions {
            Some((name, hosts)) => format!(", not for {} ({name})", hosts.replace(',', ", ")),
            None => String::new(),
        };
        match (&self.source, self.for_http_alone) {
            (ProxySource::Variable(name, url), _) => format!("{} ({name}){exceptions}", shown(url)),
            (ProxySource::System, Some(name)) => {
                format!(
                    "none for https: {name} is for http: addresses, of which Graph and Entra have none"
                )
            }
            (ProxySource::System, None) if cfg!(any(windows, target_os = "macos")) => {
                "as the system's settings say: HTTPS_PROXY is not set".to_owned()
            }
            (ProxySource::System, None) => "none: HTTPS_PROXY is not set".to_owned(),
        }
    }

    /// What may be meant otherwise, and how that is written; none where all is plain.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        if let Some(name) = self.for_http_alone {
            return Some(format!(
                "if {name} names the proxy for all calls, set HTTPS_PROXY to it, too"
            ));
        }
        let (name, hosts) = self.exceptions.as_ref()?;
        let odd = hosts.split(',').find(|host| names_no_host(host))?;
        Some(format!(
            "{odd:?} in {name} means no host: write names (corp.example is for its subdomains, too), \
             addresses or networks (10.0.0.0/8), separated by commas"
        ))
    }
}

/// Writes exceptions as the library reads them: commas alone separate, and a name is for its
/// subdomains, too, so `*.corp.example` is `corp.example`.
fn as_the_library_reads(value: &str) -> String {
    let separators = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let hosts = value.split(separators).filter(|host| !host.is_empty());
    let hosts: Vec<&str> = hosts
        .map(|host| host.strip_prefix("*.").unwrap_or(host))
        .collect();
    hosts.join(",")
}

fn names_no_host(host: &str) -> bool {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    host != "*" && !is_address && (host.contains(['*', ':', '@', '"', '\'']) || host.contains("//"))
}

fn parse(variable: &'static str, value: &str) -> Result<Url, ProxyError> {
    let wrong = |why| ProxyError { variable, why };
    if value.starts_with(['"', '\'']) {
        return Err(wrong("it stands in quotes; take them away"));
    }
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if scheme.to_ascii_lowercase().starts_with("socks") {
        return Err(wrong("a SOCKS proxy is not supported; name an HTTP proxy"));
    }
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return Err(wrong("it begins with neither http:// nor https://"));
    }
    if rest.contains('\\') {
        return Err(wrong(
            "it has a backslash; write DOMAIN\\user as DOMAIN%5Cuser",
        ));
    }
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong("it has a blank; in a password write it as %20"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.matches('@').count() > 1 {
        return Err(wrong(
            "it has more than one @; in a user name or password write it as %40",
        ));
    }
    if rest[authority.len()..].contains('@') {
        return Err(wrong(
            "a sign of the password ends the address; write / as %2F, ? as %3F, # as %23",
        ));
    }
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let mut escapes = user.split('%').skip(1);
    let is_hexadecimal = |escape: &str| {
        let digits = escape.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() == 2
    };
    if !escapes.all(is_hexadecimal) {
        return Err(wrong("a % of the password is no escape; write it as %25"));
    }
    if !matches!(&rest[authority.len()..], "" | "/") {
        return Err(wrong(
            "it has a path, as an automatic configuration script has; name the proxy itself: http://HOST:PORT",
        ));
    }
    let url = Url::parse(&format!("{scheme}://{rest}")).ok();
    // `http://CORP:8080` lacks nothing, `http://:8080` its host.
    url.filter(|url| !host.is_empty() && url.host_str().is_some_and(|host| !host.is_empty()))
        .ok_or_else(|| {
            wrong("it is no address; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")
        })
}

/// A proxy's address without its password.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        // Only a URL without a host refuses.
        let _ = shown.set_password(Some("***"));
    }
    shown.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com/v1.0";

    fn read(variables: &[(&str, &str)]) -> Result<Proxy, ProxyError> {
        let found = |wanted: &str| {
            let mut all = variables.iter();
            all.find(|(name, _)| *name == wanted)
                .map(|(_, value)| (*value).to_owned())
        };
        Proxy::read(found)
    }

    fn way(variables: &[(&str, &str)]) -> Option<String> {
        read(variables).unwrap().on_the_way_to(GRAPH)
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_an_error() {
        for (value, said) in [
            (r"http://CORP\me:x@127.0.0.1:3128", "%5C"),
            ("\"http://127.0.0.1:3128\"", "quotes"),
            ("http://me:p@ss@127.0.0.1:3128", "%40"),
            ("http://me:p#s@127.0.0.1:3128", "%23"),
            ("http://me:p/s@127.0.0.1:3128", "%2F"),
            ("http://me:100%@127.0.0.1:3128", "%25"),
            ("http://me:a b@127.0.0.1:3128", "%20"),
            ("socks5://127.0.0.1:1080", "SOCKS"),
            ("ftp://127.0.0.1", "http://"),
            ("http://wpad.corp.example/proxy.pac", "script"),
            ("http://:3128", "HOST:PORT"),
            ("http://127.0.0.1:port", "HOST:PORT"),
        ] {
            let error = read(&[("HTTPS_PROXY", value)]).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(said) && text.contains("HTTPS_PROXY"),
                "{value}: {text}"
            );
            assert!(
                !text.contains("p@ss") && !text.contains("127.0.0.1"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_empty_variable_gives_way_to_the_next() {
        let good = "http://127.0.0.1:3128";
        for names in [
            ["HTTPS_PROXY", "https_proxy"],
            ["https_proxy", "ALL_PROXY"],
            ["HTTPS_PROXY", "all_proxy"],
        ] {
            let proxy = read(&[(names[0], " "), (names[1], good)]).unwrap();
            assert_eq!(proxy.on_the_way_to(GRAPH).as_deref(), Some(good));
            assert!(proxy.described().contains(names[1]));
        }
        let first = [("HTTPS_PROXY", "http://a:1"), ("ALL_PROXY", "http://b:2")];
        assert_eq!(way(&first).as_deref(), Some("http://a:1"));
    }

    #[test]
    fn a_proxy_without_a_scheme_is_taken_for_http() {
        for value in ["proxy.corp.example:8080", "proxy.corp.example"] {
            let proxy = way(&[("HTTPS_PROXY", value)]).unwrap();
            assert_eq!(proxy, format!("http://{value}"));
        }
    }

    #[test]
    fn a_password_is_masked_wherever_a_proxy_is_shown() {
        let proxy = read(&[("HTTPS_PROXY", "http://CORP%5Cme:hush@127.0.0.1:3128")]).unwrap();
        let texts = [
            proxy.described(),
            format!("{proxy:?}"),
            proxy.on_the_way_to(GRAPH).unwrap(),
        ];
        for text in texts {
            assert!(text.contains("CORP%5Cme:***@127.0.0.1:3128"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn exceptions_are_read_as_people_write_them() {
        let proxy = ("HTTPS_PROXY", "http://127.0.0.1:3128");
        for hosts in [
            "*.microsoft.com",
            ".microsoft.com",
            "microsoft.com",
            "localhost 127.0.0.1 graph.microsoft.com",
            "localhost;*.microsoft.com",
            "*",
        ] {
            assert_eq!(way(&[proxy, ("NO_PROXY", hosts)]), None, "{hosts}");
            assert_eq!(way(&[proxy, ("no_proxy", hosts)]), None, "{hosts}");
        }
        assert!(way(&[proxy, ("NO_PROXY", "*.corp.example,10.0.0.0/8")]).is_some());
    }

    #[test]
    fn an_exception_that_means_no_host_is_said() {
        let with = |hosts| read(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", hosts)]).unwrap();
        for odd in ["graph.*", "corp.example:443", "http://corp.example"] {
            let advice = with(odd).advice().unwrap();
            assert!(
                advice.contains("NO_PROXY") && advice.contains(odd),
                "{advice}"
            );
        }
        for plain in ["corp.example", "::1", "10.0.0.0/8", "*", "*.corp.example"] {
            assert_eq!(with(plain).advice(), None, "{plain}");
        }
    }

    #[test]
    fn a_proxy_for_plain_http_alone_is_said() {
        let proxy = read(&[("HTTP_PROXY", "http://127.0.0.1:3128")]).unwrap();
        assert!(proxy.described().contains("none for https"), "{proxy:?}");
        assert!(proxy.advice().unwrap().contains("set HTTPS_PROXY"));
        assert_eq!(read(&[]).unwrap().advice(), None);
    }
}
