//! The program as a client reaches it: launched over standard input and output, or over HTTP by a token.

use reqwest::Method;
use serde_json::Value;

use crate::{
    browser::Browser,
    http::{Http, listens},
    server::{Program, Running, Server},
};

pub enum Face {
    Stdio(Box<Server>),
    Http { program: Box<Program>, _serving: Box<Running>, client: Http },
}

impl Face {
    pub async fn stdio(program: &Program) -> Self {
        Self::Stdio(Box::new(program.serve().await))
    }

    /// Served at the port, whose `localhost` is the public address.
    pub async fn http(program: Program, port: u16) -> Self {
        let made = program.done(&["token", "create", "--owner", "ann", "--json"]).await.json();
        let serving = program.start(&["serve", "--http", &format!("127.0.0.1:{port}")]);
        listens(port).await;
        let client = Http::new(port, made["token"].as_str().unwrap());
        Self::Http { program: Box::new(program), _serving: Box::new(serving), client }
    }

    /// Calls a tool.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        match self {
            Self::Stdio(server) => server.call(tool, arguments).await,
            Self::Http { client, .. } => client.call(tool, arguments).await,
        }
    }

    /// Calls a tool that is to do what it is asked.
    pub async fn does(&mut self, tool: &str, arguments: Value) -> Value {
        let shown = arguments.to_string();
        self.call(tool, arguments).await.unwrap_or_else(|said| panic!("{tool} {shown}: {said}"))
    }

    /// Signs in where that is asked before a page is shown: by a code, in the browser that is to open the page.
    pub async fn sign_in(&self, browser: &Browser, page: &str) {
        let Self::Http { program, client, .. } = self else { return };
        let shown = browser.get(page).await;
        assert_eq!(shown.status, 303, "nobody has signed in yet: {}", shown.text);
        let at = format!("{}{}", client.url, shown.location.unwrap());
        assert_eq!(browser.get(&at).await.heading(), "Sign in");
        let code = program.done(&["token", "code", "--owner", "ann"]).await.out;
        let next = page.strip_prefix(&client.url).unwrap();
        let form = serde_urlencoded::to_string([("code", code.trim()), ("next", next)]).unwrap();
        let request = browser.request(Method::POST, &format!("{}/sign-in", client.url)).body(form);
        let gone = browser.send(request).await;
        assert_eq!(
            (gone.status.as_u16(), gone.location.as_deref()),
            (303, Some(next)),
            "{}",
            gone.text
        );
    }

    pub async fn close(self) {
        if let Self::Stdio(server) = self {
            let closed = server.close().await;
            assert!(closed.well, "{}", closed.log);
        }
    }
}
