//! A gate between the program and PostgreSQL. While it is shut, it drops every connection and each new one.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use url::Url;

/// The gate; open at first.
pub struct Gate {
    url: String,
    is_open: watch::Sender<bool>,
}

impl Gate {
    /// Opens a gate before the database at this address, which names a Unix socket.
    pub async fn before(database: &str) -> Self {
        let database = Url::parse(database).expect("an address");
        let (_, folder) = database.query_pairs().find(|(name, _)| name == "host").expect("a Unix socket");
        let socket = format!("{folder}/.s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let is_open = watch::Sender::new(true);
        let open = is_open.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut open, socket) = (open.clone(), socket.clone());
                tokio::spawn(async move {
                    if !*open.borrow_and_update() {
                        return;
                    }
                    let Ok(mut far) = UnixStream::connect(socket).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = open.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { url: format!("postgres://deskbell@127.0.0.1:{port}{}?sslmode=disable", database.path()), is_open }
    }

    /// Returns the address of the database through the gate.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address of another database through the gate.
    pub fn url_of(&self, name: &str) -> String {
        let mut url = Url::parse(&self.url).expect("an address");
        url.set_path(name);
        url.into()
    }

    pub fn shut(&self) {
        self.is_open.send_replace(false);
    }

    pub fn open(&self) {
        self.is_open.send_replace(true);
    }
}
