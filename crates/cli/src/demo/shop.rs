//! A shop that never was: what its till, its warehouse and its customer desk would write into the tables of the schema `raw`.
//!
//! The same seed gives the same shop. Every method changes the shop and returns the SQL that changes the tables alike; nothing here
//! reads a clock or a database. Money is in cents.
//!
//! | part | what |
//! | --- | --- |
//! | [`Shop`] | orders and customers, and the ordinary days |
//! | [`Trouble`] | what else happens to data: lateness, corrections, deletions, moved and missing times |

use jiff::civil::{Date, DateTime};
use jiff::{Span, ToSpan};

use super::random::Random;

const REGIONS: [&str; 4] = ["north", "east", "south", "west"];
const TIERS: [&str; 3] = ["bronze", "silver", "gold"];
const FIRST_NAMES: [&str; 12] =
    ["Ada", "Bruno", "Clara", "Dimitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kamala", "Luis"];
const LAST_NAMES: [&str; 10] =
    ["Abel", "Brandt", "Costa", "Duval", "Eriksen", "Fischer", "Garcia", "Hartmann", "Ito", "Jansen"];
const PRODUCTS: [(&str, i64); 8] = [
    ("teapot", 2490),
    ("cup", 650),
    ("green tea", 890),
    ("black tea", 740),
    ("kettle", 4900),
    ("tin", 420),
    ("tray", 1800),
    ("honey", 560),
];

/// How many rows one `insert` carries: DuckDB plans many short lists of values faster than one long list.
const ROWS_PER_INSERT: usize = 100;

/// The tables of the schema `raw`.
const TABLES: &str = "
create schema if not exists raw;
create table raw.raw_customers (
    customer_id bigint, name varchar, region varchar, tier varchar, updated_at timestamp);
create table raw.raw_orders (
    order_id bigint, customer_id bigint, amount decimal(12, 2), status varchar, created_at timestamp, loaded_at timestamp);
create table raw.raw_order_items (
    order_id bigint, line integer, product varchar, quantity integer, price decimal(10, 2), loaded_at timestamp);
";

/// The shop as it is now.
#[derive(Debug)]
pub struct Shop {
    random: Random,
    customers: i64,
    orders: Vec<Order>,
    next_order: i64,
}

#[derive(Debug, Clone)]
struct Order {
    order_id: i64,
    customer_id: i64,
    amount: i64,
    status: &'static str,
    created_at: Option<DateTime>,
    loaded_at: DateTime,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    product: &'static str,
    quantity: i64,
    price: i64,
}

/// What happens to data besides new rows arriving in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// An order of some days ago arrives now.
    Late,
    /// A newer copy of an order arrives: another amount.
    Corrected,
    /// A newer copy arrives that says the same.
    Redelivered,
    /// The same copy arrives twice.
    CopiedTwice,
    /// The amount is changed in place, and the load time is not set.
    ChangedSilently,
    /// A newer copy arrives: returned, cancelled or shipped.
    StatusChanged,
    /// An order and its lines are deleted.
    Deleted,
    /// The price of a line is corrected in place.
    PriceCorrected,
    /// A line is taken out.
    LineRemoved,
    /// A customer moves to another region.
    CustomerMoved,
    /// A customer's tier changes, which no table of orders shows.
    CustomerPromoted,
    /// An order arrives before its customer is known; the customer is entered with it.
    NewCustomer,
    /// An order without a time.
    NoEventTime,
    /// A newer copy arrives that carries another day.
    EventTimeMoved,
    /// The day is changed in place.
    EventTimeMovedSilently,
    /// An order dated in the future.
    Future,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Late,
        Self::Corrected,
        Self::Redelivered,
        Self::CopiedTwice,
        Self::ChangedSilently,
        Self::StatusChanged,
        Self::Deleted,
        Self::PriceCorrected,
        Self::LineRemoved,
        Self::CustomerMoved,
        Self::CustomerPromoted,
        Self::NewCustomer,
        Self::NoEventTime,
        Self::EventTimeMoved,
        Self::EventTimeMovedSilently,
        Self::Future,
    ];
}

impl Shop {
    /// A shop with customers and no order yet, and the SQL that makes its tables.
    pub fn open(seed: u64, customers: i64, since: DateTime) -> (Self, String) {
        let mut random = Random::new(seed);
        let rows = (1..=customers).map(|customer| customer_row(&mut random, customer, since)).collect::<Vec<_>>();
        let sql = format!("{TABLES}{}", insert("raw.raw_customers", &rows));
        (Self { random, customers, orders: Vec::new(), next_order: 1 }, sql)
    }

    /// The orders of a day, each loaded some minutes after it was placed.
    pub fn ordinary_day(&mut self, day: Date, count: usize) -> String {
        let orders: Vec<Order> = (0..count)
            .map(|_| {
                let created_at = self.moment_of(day);
                let loaded_at = later(created_at, self.random.between(1, 45).minutes());
                self.new_order(Some(created_at), loaded_at)
            })
            .collect();
        self.take(orders)
    }

    /// Orders of a day that reach us only at `loaded_at`.
    pub fn late_orders(&mut self, day: Date, count: usize, loaded_at: DateTime) -> String {
        let orders: Vec<Order> = (0..count)
            .map(|_| {
                let created_at = self.moment_of(day);
                self.new_order(Some(created_at), loaded_at)
            })
            .collect();
        self.take(orders)
    }

    /// Prices from `first` to `last` were wrong by some per cent: lines are corrected in place, and every order of these days is
    /// delivered again with its right amount.
    pub fn correct_prices(&mut self, first: Date, last: Date, percent: i64, loaded_at: DateTime) -> String {
        let (mut copies, mut prices) = (Vec::new(), Vec::new());
        for order in &mut self.orders {
            if !order.created_at.is_some_and(|moment| (first..=last).contains(&moment.date())) {
                continue;
            }
            for (number, line) in order.lines.iter_mut().enumerate() {
                line.price = line.price * (100 + percent) / 100;
                prices.push(format!("({}, {}, {})", order.order_id, number + 1, money(line.price)));
            }
            order.amount = order.lines.iter().map(Line::total).sum();
            order.loaded_at = loaded_at;
            copies.push(order.row());
        }
        let lines = prices.chunks(ROWS_PER_INSERT).map(|rows| {
            format!(
                "update raw.raw_order_items set price = fixed.price from (values {}) as fixed (order_id, line, price)\n\
                 where raw_order_items.order_id = fixed.order_id and raw_order_items.line = fixed.line;\n",
                rows.join(",\n")
            )
        });
        format!("{}{}", lines.collect::<String>(), insert("raw.raw_orders", &copies))
    }

    /// Lets one thing go wrong, around `now`.
    pub fn trouble(&mut self, trouble: Trouble, now: DateTime) -> String {
        match trouble {
            Trouble::Late => {
                let day = later(now, (-self.random.between(1, 40)).days()).date();
                self.late_orders(day, 3, now)
            }
            Trouble::NoEventTime => self.one_order(None, now),
            Trouble::Future => {
                let moment = later(now, self.random.between(5, 60).days());
                self.one_order(Some(moment), now)
            }
            Trouble::NewCustomer => self.new_customer(now),
            Trouble::CustomerMoved | Trouble::CustomerPromoted => self.change_customer(trouble, now),
            _ if self.orders.is_empty() => String::new(),
            Trouble::Deleted => {
                let index = self.random.index(self.orders.len());
                let order_id = self.orders.swap_remove(index).order_id;
                format!(
                    "delete from raw.raw_orders where order_id = {order_id};\n\
                     delete from raw.raw_order_items where order_id = {order_id};\n"
                )
            }
            Trouble::PriceCorrected | Trouble::LineRemoved => self.change_line(trouble),
            _ => self.change_order(trouble, now),
        }
    }

    /// Something happens to an order that is known.
    fn change_order(&mut self, trouble: Trouble, now: DateTime) -> String {
        let index = self.random.index(self.orders.len());
        let (cents, days) = (self.random.between(-500, 900), self.random.between(-20, 20));
        let status = self.random.pick(&["shipped", "returned", "cancelled"]);
        let order = &mut self.orders[index];
        let in_place = |what: &str, order: &Order| {
            format!("update raw.raw_orders set {what} where order_id = {};\n", order.order_id)
        };
        match trouble {
            Trouble::ChangedSilently => {
                order.amount = (order.amount + cents).max(0);
                return in_place(&format!("amount = {}", money(order.amount)), order);
            }
            Trouble::EventTimeMovedSilently => {
                order.created_at = Some(later(order.created_at.unwrap_or(now), days.days()));
                return in_place(&format!("created_at = {}", timestamp(order.created_at)), order);
            }
            Trouble::EventTimeMoved => order.created_at = Some(later(order.created_at.unwrap_or(now), days.days())),
            Trouble::Corrected => order.amount = (order.amount + cents).max(0),
            Trouble::StatusChanged => order.status = status,
            _ => {}
        }
        if trouble != Trouble::CopiedTwice {
            order.loaded_at = now;
        }
        insert("raw.raw_orders", &[order.row()])
    }

    fn change_line(&mut self, trouble: Trouble) -> String {
        let index = self.random.index(self.orders.len());
        let cents = self.random.between(-100, 400);
        let order = &mut self.orders[index];
        let number = order.lines.len();
        let place = format!("where order_id = {} and line = {number}", order.order_id);
        match order.lines.last_mut() {
            None => String::new(),
            Some(_) if trouble == Trouble::LineRemoved => {
                order.lines.pop();
                format!("delete from raw.raw_order_items {place};\n")
            }
            Some(line) => {
                line.price = (line.price + cents).max(0);
                format!("update raw.raw_order_items set price = {} {place};\n", money(line.price))
            }
        }
    }

    fn change_customer(&mut self, trouble: Trouble, now: DateTime) -> String {
        let customer_id = self.random.between(1, self.customers);
        let what = if trouble == Trouble::CustomerMoved {
            format!("region = '{}'", self.random.pick(&REGIONS))
        } else {
            format!("tier = '{}'", self.random.pick(&TIERS))
        };
        let now = timestamp(Some(now));
        format!("update raw.raw_customers set {what}, updated_at = {now} where customer_id = {customer_id};\n")
    }

    fn new_customer(&mut self, now: DateTime) -> String {
        self.customers += 1;
        let customer = customer_row(&mut self.random, self.customers, now);
        let mut order = self.new_order(Some(later(now, (-2).hours())), now);
        order.customer_id = self.customers;
        format!("{}{}", self.take(vec![order]), insert("raw.raw_customers", &[customer]))
    }

    fn one_order(&mut self, created_at: Option<DateTime>, loaded_at: DateTime) -> String {
        let order = self.new_order(created_at, loaded_at);
        self.take(vec![order])
    }

    fn new_order(&mut self, created_at: Option<DateTime>, loaded_at: DateTime) -> Order {
        let lines: Vec<Line> = (0..self.random.between(1, 3))
            .map(|_| {
                let (product, price) = self.random.pick(&PRODUCTS);
                Line { product, quantity: self.random.between(1, 3), price }
            })
            .collect();
        let order_id = self.next_order;
        self.next_order += 1;
        Order {
            order_id,
            customer_id: self.random.between(1, self.customers),
            amount: lines.iter().map(Line::total).sum(),
            status: if self.random.chance(4) { "cancelled" } else { "shipped" },
            created_at,
            loaded_at,
            lines,
        }
    }

    /// Remembers orders, and says how the tables learn of them.
    fn take(&mut self, orders: Vec<Order>) -> String {
        let rows: Vec<String> = orders.iter().map(Order::row).collect();
        let lines: Vec<String> = orders.iter().flat_map(Order::line_rows).collect();
        self.orders.extend(orders);
        format!("{}{}", insert("raw.raw_orders", &rows), insert("raw.raw_order_items", &lines))
    }

    /// Some second of a day, more often in its middle.
    fn moment_of(&mut self, day: Date) -> DateTime {
        let second = (self.random.between(0, 86_399) + self.random.between(0, 86_399)) / 2;
        later(day.at(0, 0, 0, 0), second.seconds())
    }
}

impl Order {
    fn row(&self) -> String {
        format!(
            "({}, {}, {}, '{}', {}, {})",
            self.order_id,
            self.customer_id,
            money(self.amount),
            self.status,
            timestamp(self.created_at),
            timestamp(Some(self.loaded_at))
        )
    }

    fn line_rows(&self) -> Vec<String> {
        let row = |(index, line): (usize, &Line)| {
            let Line { product, quantity, price } = line;
            let (price, loaded_at) = (money(*price), timestamp(Some(self.loaded_at)));
            format!("({}, {}, '{product}', {quantity}, {price}, {loaded_at})", self.order_id, index + 1)
        };
        self.lines.iter().enumerate().map(row).collect()
    }
}

impl Line {
    fn total(&self) -> i64 {
        self.quantity * self.price
    }
}

fn customer_row(random: &mut Random, customer_id: i64, updated_at: DateTime) -> String {
    let name = format!("{} {}", random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES));
    let (region, tier) = (random.pick(&REGIONS), random.pick(&TIERS));
    format!("({customer_id}, '{name}', '{region}', '{tier}', {})", timestamp(Some(updated_at)))
}

fn insert(table: &str, rows: &[String]) -> String {
    rows.chunks(ROWS_PER_INSERT).map(|rows| format!("insert into {table} values\n{};\n", rows.join(",\n"))).collect()
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn timestamp(moment: Option<DateTime>) -> String {
    moment.map_or_else(|| "null".to_owned(), |moment| format!("'{} {}'", moment.date(), moment.time()))
}

/// A moment and some time after it. The calendar ends in the year 9999; the shop does not last that long.
fn later(moment: DateTime, span: Span) -> DateTime {
    moment.saturating_add(span)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Shop, Trouble};

    #[test]
    fn the_same_seed_gives_the_same_shop() {
        let story = || {
            let (mut shop, mut sql) = Shop::open(11, 5, date(2026, 1, 1).at(0, 0, 0, 0));
            sql += &shop.ordinary_day(date(2026, 1, 2), 4);
            for trouble in Trouble::ALL {
                sql += &shop.trouble(trouble, date(2026, 1, 9).at(6, 0, 0, 0));
            }
            sql
        };
        assert_eq!(story(), story());
    }
}
