//! A PostgreSQL for the tests: one cluster for each process of the tests, which is deleted when the process ends,
//! however it ends.
//!
//! The server's programs are needed (Debian: `apt-get install postgresql`). `DESKBELL_TEST_NO_POSTGRES=1` skips the
//! tests that need them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

const LEFT_OUT: &str = "DESKBELL_TEST_NO_POSTGRES";
/// A shell script that makes a cluster and runs it until the script's standard input is closed, that is, until the
/// process of the tests ends. The server is stopped before its files are deleted.
const KEEPER: &str = r#"
set -u
PATH="$1:$PATH"
home=$(mktemp -d "${TMPDIR:-/tmp}/deskbell-pg.XXXXXX") || exit 1
server=
end() {
  if [ -n "$server" ]; then kill -QUIT "$server" 2>/dev/null; wait "$server" 2>/dev/null; fi
  rm -rf "$home"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
initdb --pgdata="$home/data" --username=deskbell --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$home/log" 2>&1 \
  || { cat "$home/log" >&2; exit 1; }
postgres -D "$home/data" -k "$home" -c listen_addresses= -c fsync=on -c max_connections=300 -c shared_buffers=32MB \
  </dev/null >>"$home/log" 2>&1 &
server=$!
tries=0
until pg_isready -q -h "$home" -U deskbell -d postgres; do
  tries=$((tries + 1))
  if [ "$tries" -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then cat "$home/log" >&2; exit 1; fi
  sleep 0.1
done
echo "$home"
read -r _
"#;

/// Returns the URL of a new, empty database. Returns `None` without PostgreSQL, with a line on standard error.
pub async fn database() -> Option<String> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let cluster = tokio::task::spawn_blocking(Cluster::shared).await.expect("the start does not panic")?;
    let name = format!("desk_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(&cluster.url("postgres")).await.expect("the cluster answers");
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut admin).await.expect("a database");
    admin.close().await.expect("it closes");
    Some(cluster.url(&name))
}

struct Cluster {
    home: PathBuf,
    // Holds the standard input of the script, which is closed with this process.
    _keeper: Child,
}

impl Cluster {
    fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    fn start() -> Option<Self> {
        if std::env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty()) {
            eprintln!("\n!!! LEFT OUT: nothing was tried on PostgreSQL ({LEFT_OUT} is set) !!!\n");
            return None;
        }
        let Some(programs) = programs() else {
            let missing = "there is no PostgreSQL server here (Debian: apt-get install postgresql)";
            assert!(std::env::var_os("CI").is_none_or(|value| value.is_empty()), "{missing}");
            eprintln!("\n!!! LEFT OUT: nothing was tried on PostgreSQL: {missing} !!!\n");
            return None;
        };
        // The server refuses to run as root.
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", KEEPER, "keeper"]).arg(programs).current_dir("/");
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell can be started");
        let mut home = String::new();
        BufReader::new(keeper.stdout.take().expect("it is piped")).read_line(&mut home).expect("the keeper speaks");
        assert!(!home.is_empty(), "PostgreSQL does not start; the reason is printed above");
        Some(Self { home: PathBuf::from(home.trim_end()), _keeper: keeper })
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://deskbell@localhost/{database}?host={}", self.home.display())
    }
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, bin)| is_server(bin))
        .collect();
    versions.sort();
    let installed = versions.pop().map(|(_, bin)| bin);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    installed.or_else(|| std::env::split_paths(&paths).find(|bin| is_server(bin)))
}

fn is_server(bin: &Path) -> bool {
    bin.join("initdb").is_file() && bin.join("postgres").is_file()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id can be started");
    id.stdout.trim_ascii() == b"0"
}
