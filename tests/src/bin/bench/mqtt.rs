//! The same question over a local MQTT broker, QoS 0: the way other firmware couples its modules.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::calls::{decide, question_as_json};
use crate::{percentile, report};

const ROUND_TRIPS: usize = 3_000;
const PROGRAMS: [&str; 2] = ["mosquitto", "/usr/sbin/mosquitto"];
const START_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const ASK: &str = "bench/ask";
const TELL: &str = "bench/tell";

/// Ends the broker with the measurement.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures question and answer through the broker; the text of the error says why there is no number.
pub fn round_trip() -> Result<(), String> {
    let port = free_port().map_err(|error| error.to_string())?;
    let _broker = broker(port)?;
    measure(port).map_err(|error| format!("mosquitto: {error}"))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn broker(port: u16) -> Result<Broker, String> {
    for program in PROGRAMS {
        // Without a configuration file mosquitto listens on loopback only and lets everybody in.
        let started = Command::new(program)
            .args(["-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(child) = started {
            return Ok(Broker(child));
        }
    }
    Err("not measured: mosquitto missing".to_owned())
}

fn measure(port: u16) -> std::io::Result<()> {
    let mut answering = Client::connect(port, "answering")?;
    answering.subscribe(ASK)?;
    let mut asking = Client::connect(port, "asking")?;
    asking.subscribe(TELL)?;
    let answerer = std::thread::Builder::new()
        .name("mqtt-answerer".to_owned())
        .spawn(move || {
            for _ in 0..ROUND_TRIPS {
                let Ok(question) = answering.receive() else {
                    return;
                };
                if answering.publish(TELL, &decide(&question)).is_err() {
                    return;
                }
            }
        })?;
    let mut samples = Vec::with_capacity(ROUND_TRIPS);
    for number in 0..ROUND_TRIPS {
        let start = Instant::now();
        asking.publish(ASK, &question_as_json(number).to_string())?;
        let answer = asking.receive()?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
        if !answer.contains("accepted") {
            return Err(std::io::Error::other(answer));
        }
    }
    // It has answered its last question; a panic in it would have shown as a missing answer.
    let _ = answerer.join();
    report(
        "mqtt_round_trip_us",
        percentile(&mut samples, 0.5),
        "µs",
        samples.len(),
    );
    Ok(())
}

/// As much of MQTT 3.1.1 as a question needs.
struct Client(TcpStream);

impl Client {
    fn connect(port: u16, name: &str) -> std::io::Result<Self> {
        let start = Instant::now();
        let stream = loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(stream) => break stream,
                Err(error) if start.elapsed() > START_WITHIN => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut client = Self(stream);
        let mut body = text("MQTT");
        body.extend([4, 2, 0, 60]);
        body.extend(text(name));
        client.send(0x10, &body)?;
        client.read_packet()?;
        Ok(client)
    }

    fn subscribe(&mut self, topic: &str) -> std::io::Result<()> {
        let mut body = vec![0, 1];
        body.extend(text(topic));
        body.push(0);
        self.send(0x82, &body)?;
        self.read_packet().map(drop)
    }

    fn publish(&mut self, topic: &str, payload: &str) -> std::io::Result<()> {
        let mut body = text(topic);
        body.extend(payload.as_bytes());
        self.send(0x30, &body)
    }

    fn receive(&mut self) -> std::io::Result<String> {
        let body = self.read_packet()?;
        let topic = match body.as_slice() {
            [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return Err(std::io::Error::other("short packet")),
        };
        let payload = body.get(topic + 2..).unwrap_or_default();
        Ok(String::from_utf8_lossy(payload).into_owned())
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> std::io::Result<()> {
        let mut packet = vec![kind];
        let mut left = body.len();
        loop {
            let low = u8::try_from(left % 128).unwrap_or_default();
            left /= 128;
            packet.push(if left > 0 { low | 0x80 } else { low });
            if left == 0 {
                break;
            }
        }
        packet.extend(body);
        self.0.write_all(&packet)
    }

    fn read_packet(&mut self) -> std::io::Result<Vec<u8>> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            self.0.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 || shift > 21 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or_default();
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}
