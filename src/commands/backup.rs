//! `deskbell backup`: copies the database while the bot runs, and checks the copy.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use super::terminal::say;
use crate::config::Config;
use crate::store::sqlite::SqliteStore;

/// Copies the SQLite file and checks the copy.
///
/// # Errors
/// If the copy cannot be made or is damaged. On PostgreSQL always: the error shows the command to use instead.
pub async fn backup(config: &Config, to: &Path) -> anyhow::Result<ExitCode> {
    let Some(path) = config.database.url.sqlite_path() else {
        bail!("{}", pg_dump(config.database.url.expose(), to));
    };
    let copy = SqliteStore::backup(path, to).await?;
    let tickets = if copy.tickets == 1 { "1 ticket".to_owned() } else { format!("{} tickets", copy.tickets) };
    say!("{}: {} bytes, {tickets}, looked through and sound.", to.display(), copy.bytes);
    say!("It holds what people said. Keep it as private as the database itself.");
    Ok(ExitCode::SUCCESS)
}

/// Returns the `pg_dump` command, without the password: pg_dump reads PGPASSWORD, or ~/.pgpass.
fn pg_dump(url: &str, to: &Path) -> String {
    let address = url::Url::parse(url).map_or_else(
        |_| "\"$DESKBELL__DATABASE__URL\"".to_owned(),
        |mut url| {
            // An address that cannot have a password has none.
            let _ = url.set_password(None);
            format!("'{url}'")
        },
    );
    let to = to.display();
    format!(
        "the database is on PostgreSQL, whose own tool copies it while the bot runs:\n\n  \
         pg_dump --format=custom --file='{to}' {address}\n\nIt asks for the password, or reads it from PGPASSWORD or \
         ~/.pgpass. To restore into an empty database, with the bot stopped:\n\n  \
         pg_restore --no-owner --dbname={address} '{to}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_is_told_the_exact_command_without_the_password() {
        let said = pg_dump("postgres://desk:s3cret@db.example:5432/desk?sslmode=require", Path::new("desk.dump"));
        let command =
            "pg_dump --format=custom --file='desk.dump' 'postgres://desk@db.example:5432/desk?sslmode=require'";
        assert!(said.contains(command), "{said}");
        assert!(said.contains("pg_restore --no-owner"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
