//! tokio-postgres: many futures on one connection become a pipeline; everything binary.
use futures::future::join_all;
use futures::{pin_mut, stream, SinkExt, StreamExt, TryStreamExt};
use std::env;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls, SimpleQueryMessage};

const S: &str = "d_rust";

fn operation(name: &str) {
    println!("-- {}", name);
}

fn failed(e: &Error) {
    match e.as_db_error() {
        Some(d) => println!("   error {} {} {} {:?} {:?}", d.severity(), d.code().code(), d.message(), d.detail(), d.constraint()),
        None => println!("   error {}", e),
    }
}

async fn simple(c: &Client, sql: &str) {
    match c.simple_query(sql).await {
        Ok(messages) => {
            for m in messages {
                match m {
                    SimpleQueryMessage::Row(r) => {
                        let values: Vec<_> = (0..r.len()).map(|i| r.get(i).unwrap_or("<null>").to_string()).collect();
                        println!("   {:?}", values)
                    }
                    SimpleQueryMessage::CommandComplete(n) => println!("   complete {}", n),
                    _ => println!("   other"),
                }
            }
        }
        Err(e) => failed(&e),
    }
}

async fn run(c: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) {
    match c.query(sql, values).await {
        Ok(rows) => {
            println!("   rows {}", rows.len());
            for r in rows.iter().take(5) {
                let shown: Vec<_> = r.columns().iter().map(|f| format!("{}:{}", f.name(), f.type_())).collect();
                println!("   {:?}", shown)
            }
        }
        Err(e) => failed(&e),
    }
}

async fn there_and_back<T>(c: &Client, kind: &str, value: T)
where
    T: ToSql + Sync + PartialEq + std::fmt::Debug + for<'a> FromSql<'a>,
{
    let sql = format!("SELECT $1::{}", kind);
    match c.query_one(sql.as_str(), &[&value]).await {
        Ok(r) => println!("   {} {:?} {}", kind, r.get::<_, T>(0), r.get::<_, T>(0) == value),
        Err(e) => failed(&e),
    }
    match c.query_one(sql.as_str(), &[&None::<T>]).await {
        Ok(r) => println!("   {} {:?}", kind, r.get::<_, Option<T>>(0)),
        Err(e) => failed(&e),
    }
}

async fn work(c: &Client, heard: &mut tokio::sync::mpsc::UnboundedReceiver<(String, String, i32)>) -> Result<(), Error> {
    operation("connect");
    let pid: i32 = c.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    simple(c, "SELECT current_database(), session_user, current_setting('application_name')").await;
    operation("simple");
    simple(c, &format!("DROP SCHEMA IF EXISTS {} CASCADE; CREATE SCHEMA {}", S, S)).await;
    simple(c, &format!("CREATE TABLE {}.t (id int PRIMARY KEY, name text NOT NULL, at timestamptz, data bytea, tags text[])", S)).await;
    simple(c, &format!("INSERT INTO {}.t (id, name, tags) VALUES (1, 'one', '{{a,NULL}}'), (2, 'zwölf €', NULL) RETURNING *", S)).await;
    run(c, &format!("SELECT * FROM {}.t", S), &[]).await;
    simple(c, "").await;
    simple(c, "-- nothing").await;
    run(c, "", &[]).await;
    operation("multi");
    simple(c, "SELECT 1; SELECT 'two'; SELECT NULL").await;
    simple(c, &format!("INSERT INTO {}.t (id, name) VALUES (3, 'undone'); SELECT 1/0", S)).await;
    simple(c, &format!("SELECT count(*) FROM {}.t", S)).await;
    operation("parameters");
    there_and_back(c, "bool", true).await;
    there_and_back(c, "int2", -7i16).await;
    there_and_back(c, "int4", 70000i32).await;
    there_and_back(c, "int8", 7_000_000_000_000i64).await;
    there_and_back(c, "float4", 1.5f32).await;
    there_and_back(c, "float8", -2.25f64).await;
    there_and_back(c, "text", "ünï".to_string()).await;
    there_and_back(c, "varchar", "v".to_string()).await;
    there_and_back(c, "bytea", vec![0u8, 255]).await;
    there_and_back(c, "timestamptz", SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).await;
    there_and_back(c, "int4[]", vec![Some(1i32), None, Some(3)]).await;
    there_and_back(c, "text[]", vec![Some("a".to_string()), None]).await;
    operation("prepared");
    let p = c.prepare_typed("SELECT $1 * 2, $2::text", &[Type::INT4]).await?;
    let mut sum = 0;
    for i in 0..100i32 {
        sum += c.query_one(&p, &[&i, &None::<String>]).await?.get::<_, i32>(0);
    }
    println!("   {}", sum);
    drop(p);
    operation("pipeline");
    let insert = c.prepare(&format!("INSERT INTO {}.t (id, name) VALUES ($1, $2)", S)).await?;
    let ids: Vec<i32> = (100..400).map(|i| if i == 200 { 100 } else { i }).collect();
    let done = join_all(ids.iter().map(|id| {
        let insert = insert.clone();
        async move { c.execute(&insert, &[id, &"n"]).await }
    }))
    .await;
    println!("   {} of {}", done.iter().filter(|r| r.is_ok()).count(), done.len());
    done.iter().filter_map(|r| r.as_ref().err()).for_each(failed);
    operation("copy");
    let sink = c.copy_in(format!("COPY {}.t (id, name) FROM STDIN", S).as_str()).await?;
    let lines: Vec<Result<std::io::Cursor<Vec<u8>>, Error>> =
        (1000..3000).map(|i| Ok(std::io::Cursor::new(format!("{}\tcopied {}\n", i, i).into_bytes()))).collect();
    pin_mut!(sink);
    sink.send_all(&mut stream::iter(lines)).await?;
    println!("   {}", sink.finish().await?);
    let out = c.copy_out(format!("COPY (SELECT id, name FROM {}.t ORDER BY id) TO STDOUT", S).as_str()).await?;
    let n = out.try_fold(0usize, |n, piece| async move { Ok(n + piece.len()) }).await?;
    println!("   {}", n);
    let sink = c.copy_in(format!("COPY {}.t (id, name) FROM STDIN", S).as_str()).await?;
    pin_mut!(sink);
    sink.send(std::io::Cursor::new(b"bad\n".to_vec())).await?;
    if let Err(e) = sink.finish().await {
        failed(&e)
    }
    let sink = c.copy_in::<_, std::io::Cursor<Vec<u8>>>(format!("COPY {}.t (id, name) FROM STDIN", S).as_str()).await?;
    drop(sink);
    simple(c, &format!("SELECT count(*) FROM {}.t", S)).await;
    operation("cursor");
    simple(c, "BEGIN").await;
    simple(c, "DECLARE cur CURSOR FOR SELECT generate_series(1, 10)").await;
    run(c, "FETCH 3 FROM cur", &[]).await;
    simple(c, "FETCH ALL FROM cur").await;
    simple(c, "COMMIT").await;
    let rows = c.query_raw("SELECT generate_series(1, $1::int)", vec![1000i32]).await?;
    pin_mut!(rows);
    let mut total = 0;
    while let Some(row) = rows.next().await {
        total += row?.get::<_, i32>(0);
    }
    println!("   {}", total);
    operation("errors");
    for sql in ["SELEC 1", "SELECT * FROM missing", "SELECT 1/0", "SELECT 'x'::int"] {
        run(c, sql, &[]).await;
        simple(c, sql).await;
    }
    run(c, &format!("INSERT INTO {}.t (id, name) VALUES (1, 'x')", S), &[]).await;
    simple(c, "BEGIN").await;
    simple(c, &format!("INSERT INTO {}.t (id, name) VALUES (-5, 'kept')", S)).await;
    simple(c, "SAVEPOINT s").await;
    run(c, &format!("INSERT INTO {}.t (id, name) VALUES (-5, 'twice')", S), &[]).await;
    run(c, "SELECT 'refused'", &[]).await;
    simple(c, "ROLLBACK TO s").await;
    simple(c, "COMMIT").await;
    simple(c, &format!("SELECT name FROM {}.t WHERE id = -5", S)).await;
    operation("big");
    let big = "0123456789abcdef".repeat(65536);
    let row = c.query_one("SELECT $1::text, md5($1::text)", &[&big]).await?;
    println!("   {} {}", row.get::<_, String>(0) == big, row.get::<_, String>(1));
    let rows = c.query("SELECT generate_series(1, 100000)", &[]).await?;
    println!("   {}", rows.iter().map(|r| r.get::<_, i32>(0) as i64).sum::<i64>());
    operation("settings");
    simple(c, "SHOW statement_timeout").await;
    simple(c, "SET statement_timeout = '5s'").await;
    simple(c, "RESET statement_timeout").await;
    simple(c, "SHOW statement_timeout").await;
    operation("notify");
    simple(c, "LISTEN news").await;
    simple(c, "NOTIFY news, 'the payload'").await;
    if let Ok(Some((channel, payload, from))) = tokio::time::timeout(Duration::from_secs(60), heard.recv()).await {
        println!("   {} {} {}", channel, payload, from == pid);
    }
    operation("cancel");
    let token = c.cancel_token();
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(e) = token.cancel_query(NoTls).await {
            failed(&e)
        }
    };
    tokio::join!(run(c, "SELECT pg_sleep(30)", &[]), cancel);
    simple(c, "SELECT 'still here'").await;
    simple(c, &format!("DROP SCHEMA {} CASCADE", S)).await;
    operation("terminate");
    simple(c, "SELECT pg_terminate_backend(pg_backend_pid())").await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let of = |name| env::var(name).unwrap();
    let mut config = Config::new();
    config.host(&of("PGHOST")).port(of("PGPORT").parse().unwrap()).dbname(&of("PGDATABASE"));
    config.user(&of("PGUSER")).password(of("PGPASSWORD")).application_name("tokio-postgres").options("-c statement_timeout=60s");
    let (client, mut connection) = match config.connect(NoTls).await {
        Ok(both) => both,
        Err(e) => {
            failed(&e);
            std::process::exit(1)
        }
    };
    let (send, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let driven = tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        loop {
            match messages.next().await {
                Some(Ok(AsyncMessage::Notification(n))) => {
                    let _ = send.send((n.channel().into(), n.payload().into(), n.process_id()));
                }
                Some(Ok(AsyncMessage::Notice(n))) => println!("   notice {} {}", n.severity(), n.message()),
                Some(Ok(_)) => {}
                Some(Err(e)) => return Some(e),
                None => return None,
            }
        }
    });
    if let Err(e) = work(&client, &mut heard).await {
        failed(&e)
    }
    drop(client);
    if let Ok(Some(e)) = driven.await {
        failed(&e)
    }
}
