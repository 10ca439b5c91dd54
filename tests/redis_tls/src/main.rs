//! Connects to the Redis server whose URL is the argument, and handles one event twice.

use std::{error::Error, time::Duration};

use leadhook::{
    Delivery, Graphoid,
    dedup::{Dedup, RedisStore},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: redis-tls URL")?;
    let dedup = Dedup::new(RedisStore::connect(&url).await?);
    let body = r#"{"id":"evt_1","event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
    let key = Delivery::<Graphoid>::from_storage(body).key();
    for _ in 0..2 {
        let work = async { Ok::<_, std::convert::Infallible>(()) };
        let outcome = dedup.once_as(key, Duration::from_secs(60), work).await?;
        println!("{outcome:?}");
    }
    Ok(())
}
