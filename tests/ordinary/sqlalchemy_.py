"""What SQLAlchemy asks and does, over psycopg2: reflection, and the queries that its users write."""
import datetime
import decimal
import os
import warnings

import sqlalchemy as sa
from sqlalchemy import func, orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.schema import CreateTable

warnings.filterwarnings("ignore")
URL = sa.engine.URL.create("postgresql+psycopg2", os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGHOST"],
                           int(os.environ["PGPORT"]), os.environ["PGDATABASE"])
engine = sa.create_engine(URL, future=True)


def title(text):
    print("--", text, flush=True)


def show(rows):
    for row in rows:
        print("  ", row, flush=True)


def reflect():
    inspector = sa.inspect(engine)
    show([sorted(inspector.get_schema_names()), inspector.default_schema_name])
    for schema in (None, "shop", "public"):
        title(f"schema {schema}")
        show([sorted(inspector.get_table_names(schema)), sorted(inspector.get_view_names(schema)),
              sorted(inspector.get_enums(schema), key=str)])
        for name in sorted(inspector.get_table_names(schema)) + sorted(inspector.get_view_names(schema)):
            title(f"{schema}.{name}")
            show(inspector.get_columns(name, schema))
            show([inspector.get_pk_constraint(name, schema), inspector.get_table_comment(name, schema)])
            show(inspector.get_foreign_keys(name, schema))
            show(sorted(inspector.get_indexes(name, schema), key=str))
            show(sorted(inspector.get_unique_constraints(name, schema), key=str))
            show(sorted(inspector.get_check_constraints(name, schema), key=str))
        for name in sorted(inspector.get_view_names(schema)):
            show([inspector.get_view_definition(name, schema)])
    show([inspector.has_table("orders"), inspector.has_table("nowhere"), inspector.has_sequence("tickets_seq")])
    metadata = sa.MetaData()
    metadata.reflect(engine, views=True)
    for table in metadata.sorted_tables:
        try:
            print(CreateTable(table).compile(engine))
        except sa.exc.CompileError as error:  # types that SQLAlchemy does not know
            print("  ", error)
    return metadata


def define(metadata):
    registry = orm.registry(metadata=metadata)

    class Customer:
        pass

    class Order:
        pass

    class Line:
        pass
    tables = metadata.tables
    registry.map_imperatively(Line, tables["order_lines"])
    registry.map_imperatively(Order, tables["orders"], properties={
        "lines": orm.relationship(Line, order_by=tables["order_lines"].c.line, cascade="all, delete-orphan", passive_deletes=True)})
    registry.map_imperatively(Customer, tables["customers"], properties={
        "orders": orm.relationship(Order, backref="customer", order_by=tables["orders"].c.id, cascade="all, delete-orphan", passive_deletes=True)})
    return Customer, Order, Line


def use_orm(metadata):
    Customer, Order, Line = define(metadata)
    with orm.Session(engine, future=True) as session:
        for loading in (orm.lazyload, orm.joinedload, orm.selectinload, orm.subqueryload):
            title(loading.__name__)
            found = session.execute(sa.select(Customer).options(loading(Customer.orders)).order_by(Customer.id).limit(3))
            show((c.id, c.name, c.tags, c.extra, [o.total for o in c.orders]) for c in found.unique().scalars())
            session.expunge_all()
        title("a unit of work")
        new = Customer(name="New", email="new@mail.invalid", tags=["a", "b"], extra={"x": [1, None, "é"]}, feeling="happy",
                       orders=[Order(total=decimal.Decimal("3.50"), lines=[Line(line=1, article="pen"), Line(line=2, article="cap")])])
        session.add(new)
        session.flush()
        show([(new.id, new.created, new.orders[0].id, new.orders[0].state, new.orders[0].doubled)])
        new.orders[0].state = "sent"
        new.tags = ["c"]
        del new.orders[0].lines[0]
        session.commit()
        show([(new.tags, new.orders[0].state, [line.article for line in new.orders[0].lines])])
        with session.begin_nested() as savepoint:
            session.add(Order(customer_id=new.id, total=-1))
            try:
                session.flush()
            except sa.exc.IntegrityError as error:
                print("  ", str(error.orig).strip())
            savepoint.rollback()
        show([(session.get(Customer, 3).name, session.query(Order).filter(Order.customer.has(name="New")).count(),
               session.query(Customer).filter(Customer.orders.any(Order.total > 80)).count(),
               session.query(sa.exists().where(Customer.email == "C3@mail.invalid")).scalar())])
        one = session.execute(sa.select(Customer).where(Customer.id == 4).with_for_update(of=metadata.tables["customers"])).scalar_one()
        one.name = "Fourth"
        session.refresh(one, ["extra"])
        session.execute(sa.update(Order).where(Order.customer_id == 4).values(total=Order.total + 1), execution_options={"synchronize_session": False})
        show(session.execute(sa.select(func.sum(Order.total)).where(Order.customer_id == 4)))
        session.delete(new)
        session.commit()
        show([(session.query(Line).count(), session.query(Order).count())])


def queries(metadata):
    t = metadata.tables
    c, o, l, n, d = (t[name] for name in ("customers", "orders", "order_lines", "nodes", "documents"))
    tree = sa.select(n.c.id, n.c.parent, sa.literal(1).label("depth")).where(n.c.parent.is_(None)).cte("tree", recursive=True)
    tree = tree.union_all(sa.select(n.c.id, n.c.parent, tree.c.depth + 1).where(n.c.parent == tree.c.id))
    last = sa.select(o.c.id, o.c.total).where(o.c.customer_id == c.c.id).order_by(o.c.total.desc()).limit(1).lateral("last")
    days = func.generate_series(datetime.date(2025, 1, 1), datetime.date(2025, 1, 5), datetime.timedelta(days=1)).table_valued("day").render_derived()
    words = func.plainto_tsquery("english", "quick cat")
    doc = sa.func.jsonb_array_elements(c.c.extra["list"]).table_valued("value", joins_implicitly=True)
    total = func.sum(o.c.total)
    return {
        "join": sa.select(c.c.name, o.c.total).join_from(c, o).where(o.c.total > 50).order_by(o.c.id),
        "outer join": sa.select(c.c.id, func.count(o.c.id)).select_from(c.outerjoin(o, sa.and_(o.c.customer_id == c.c.id, o.c.state == "sent"))).group_by(c.c.id).order_by(c.c.id),
        "group by a primary key": sa.select(c.c.id, c.c.name, c.c.feeling, total).join(o).group_by(c.c.id).having(total > 80).order_by(c.c.id),
        "window": sa.select(o.c.id, func.rank().over(partition_by=o.c.state, order_by=o.c.total.desc()), func.sum(o.c.total).over(order_by=o.c.id, rows=(-1, 1)), func.lag(o.c.total, 1).over(order_by=o.c.id)).order_by(o.c.id).limit(8),
        "filter, within group": sa.select(func.count().filter(o.c.state == "open"), func.percentile_cont(0.5).within_group(o.c.total), func.array_agg(pg.aggregate_order_by(o.c.id, o.c.id.desc())).filter(o.c.id < 5), func.string_agg(o.c.state, ",").filter(o.c.id < 4)),
        "grouping sets": sa.select(o.c.state, o.c.customer_id, total).where(o.c.customer_id < 3).group_by(func.rollup(o.c.state, o.c.customer_id)).order_by(o.c.state, o.c.customer_id),
        "json": sa.select(c.c.extra["n"].as_integer(), c.c.extra[("deep", "k")].as_string(), c.c.extra.contains({"n": 3}), c.c.extra.has_key("n"), func.jsonb_set(c.c.extra, pg.array(["n"]), sa.cast("9", pg.JSONB)), func.jsonb_path_query_first(c.c.extra, "$.list[*] ? (@ > 3)")).where(c.c.extra["n"].astext.cast(sa.Integer) < 4).order_by(c.c.id),
        "arrays": sa.select(c.c.id, c.c.tags[1], func.array_length(c.c.tags, 1), func.unnest(c.c.tags)).where(c.c.tags.overlap(["t1", "t2"]), c.c.tags.contains(["all"]), sa.any_(c.c.tags) == "t1").order_by(c.c.id).limit(6),
        "full text": sa.select(d.c.id, func.ts_rank(d.c.search, words) > 0, func.ts_headline("english", d.c.body, words)).where(d.c.search.op("@@")(words)).order_by(d.c.id),
        "trigrams": sa.select(d.c.id, func.round(sa.cast(func.similarity(d.c.body, "quick"), sa.Numeric), 3)).where(d.c.body.op("%>")("quick")).order_by(d.c.id),
        "hstore, citext": sa.select(c.c.id, c.c.props["k"], c.c.email).where(c.c.email == "C5@MAIL.invalid", c.c.props.has_key("k")),
        "lateral": sa.select(c.c.id, last.c.total).join(last, sa.true()).order_by(c.c.id).limit(4),
        "generate_series": sa.select(days.c.day, func.count(o.c.id)).select_from(days).outerjoin(o, o.c.placed == sa.cast(days.c.day, sa.Date)).group_by(days.c.day).order_by(days.c.day),
        "elements": sa.select(c.c.id, doc.c.value).order_by(c.c.id, doc.c.value).limit(4),
        "dates": sa.select(sa.extract("month", o.c.placed), func.date_trunc("week", o.c.placed), sa.func.timezone("Europe/Berlin", sa.cast(o.c.placed, sa.TIMESTAMP)), o.c.placed + sa.text("INTERVAL '1 day'"), func.age(sa.cast(o.c.placed, sa.TIMESTAMP), datetime.datetime(2024, 1, 1)), func.to_char(o.c.placed, "YYYY-MM")).order_by(o.c.id).limit(3),
        "recursive": sa.select(tree.c.depth, func.count()).group_by(tree.c.depth).order_by(tree.c.depth),
        "union": sa.union_all(sa.select(c.c.id, c.c.name).where(c.c.id < 3), sa.select(n.c.id, n.c.title).where(n.c.id < 3)).order_by("id", "name"),
        "except": sa.except_(sa.select(c.c.id), sa.select(o.c.customer_id).where(o.c.total > 20)).order_by("id"),
        "distinct on": sa.select(o.c.customer_id, o.c.id).distinct(o.c.customer_id).order_by(o.c.customer_id, o.c.id.desc()).limit(3),
        "in, between, like": sa.select(c.c.id).where(c.c.id.in_([1, 2, 3]), c.c.name.ilike("customer%"), c.c.id.between(1, 9), ~c.c.name.startswith("x"), c.c.name.regexp_match("[0-9]$")).order_by(c.c.id),
        "tuples, case": sa.select(o.c.id, sa.case((o.c.total > 5, "much"), else_="little")).where(sa.tuple_(o.c.customer_id, o.c.state).in_([(1, "open"), (2, "sent"), (3, "sent")])).order_by(o.c.id),
        "scalar sub-selects": sa.select(c.c.id, sa.select(func.max(o.c.total)).where(o.c.customer_id == c.c.id).scalar_subquery()).where(sa.exists().where(o.c.customer_id == c.c.id, o.c.total > 85)).order_by(c.c.id),
        "composite, enum, range": sa.select(sa.text("(customers.home).zip"), c.c.feeling, o.c.during, func.lower(o.c.during)).join(o).where(c.c.feeling > sa.cast("sad", pg.ENUM(name="mood"))).order_by(o.c.id).limit(3),
        "view": sa.select(t["order_totals"]).where(t["order_totals"].c.total > 90).order_by(t["order_totals"].c.id),
        "our own function": sa.select(func.slug(c.c.name), func.shop.slug("A B"), func.product(o.c.total)).join(o).where(o.c.id < 3).group_by(c.c.id).order_by(c.c.id),
        "sample, xml, values": sa.select(sa.values(sa.column("a", sa.Integer), sa.column("b", sa.String), name="v").data([(1, "x"), (2, "y")])),
        "text": sa.text("SELECT x.a, y.* FROM (VALUES (1, 2), (3, 4)) AS x (a, b) CROSS JOIN LATERAL (SELECT x.b * 2 AS twice, count(*) FROM shop.orders) AS y WHERE x.a = :a").bindparams(a=3),
    }


def write(metadata):
    c, o, s = (metadata.tables[name] for name in ("customers", "orders", "scratch"))
    insert = pg.insert(c)
    with engine.connect() as connection:
        title("upsert")
        base = insert.values(name="Again", email="c1@mail.invalid")
        show(connection.execute(base.on_conflict_do_nothing().returning(c.c.id)))
        show(connection.execute(base.on_conflict_do_update(index_elements=["email"], set_={"name": base.excluded.name + " " + c.c.name}, where=c.c.id < 100).returning(c.c.id, c.c.name)))
        show(connection.execute(pg.insert(o).values(id=1, customer_id=1, total=2).on_conflict_do_update(constraint="orders_pkey", set_={"total": 77}).returning(o)))
        title("insert from select, update from, delete using")
        show(connection.execute(s.insert().from_select(["a", "b"], sa.select(c.c.id, c.c.name).where(c.c.id < 4)).returning(s)))
        show(connection.execute(s.update().values(b=c.c.email).where(s.c.a == c.c.id).returning(s.c.a, s.c.b)))
        moved = sa.delete(s).where(s.c.a == c.c.id, c.c.id > 2).returning(s.c.a).cte("moved")
        show(connection.execute(sa.select(moved)))
        print("  ", connection.execute(s.insert(), [{"a": n, "b": f"b{n}"} for n in range(10, 40)]).rowcount)
        show(connection.execute(sa.select(func.count(), func.max(s.c.b)).select_from(s)))
        connection.rollback()
        title("server-side cursor")
        result = connection.execute(sa.select(o.c.id, o.c.total).order_by(o.c.id).execution_options(stream_results=True, max_row_buffer=5))
        print("  ", sum(row.id for row in result))
        connection.rollback()
        title("isolation, sequences, temporary tables")
        show([(connection.execute(metadata_sequence()), connection.scalar(sa.text("SELECT currval('tickets_seq')")))])
        connection.execute(sa.text("CREATE TEMPORARY TABLE picked ON COMMIT DROP AS SELECT id FROM orders WHERE total > 80"))
        show(connection.execute(sa.text("SELECT count(*) FROM picked JOIN orders USING (id)")))
        connection.commit()
    for level in ("SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"):
        with engine.execution_options(isolation_level=level).connect() as connection:
            show([(level, connection.scalar(sa.text("SHOW transaction_isolation")))])
    with engine.connect() as connection:
        for text in ("SELECT * FROM nowhere", "SELECT nope FROM orders", "SELECT * FROM hr.nothing", "SELECT f(1)"):
            try:
                connection.execute(sa.text(text))
            except sa.exc.DBAPIError as error:
                print("  ", type(error).__name__, error.orig.pgcode, str(error.orig).strip().replace("\n", " / "))
            connection.rollback()


def metadata_sequence():
    return sa.Sequence("tickets_seq")


def change(metadata):
    title("tables of its own")
    mine = sa.MetaData(schema="tools")
    parent = sa.Table("parent", mine, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True), sa.Column("at", sa.DateTime(timezone=True), server_default=func.now()),
                      sa.Column("kind", sa.Enum("a", "b", name="kind")), sa.Column("doc", pg.JSONB), sa.UniqueConstraint("kind", name="one_kind"), comment="mine")
    child = sa.Table("child", mine, sa.Column("id", sa.Integer, primary_key=True), sa.Column("parent_id", sa.ForeignKey(parent.c.id, ondelete="CASCADE"), index=True),
                     sa.Column("name", sa.String(20), nullable=False), sa.CheckConstraint("length(name) > 1", name="long_enough"))
    sa.Index("child_name", func.lower(child.c.name), postgresql_using="btree")
    mine.create_all(engine)
    with engine.begin() as connection:
        show(connection.execute(parent.insert().returning(parent.c.id), [{"kind": "a", "doc": {"x": 1}}]))
        connection.execute(child.insert(), [{"parent_id": 1, "name": f"name {n}"} for n in range(5)])
        show(connection.execute(sa.select(child).join(parent).where(parent.c.kind == "a").order_by(child.c.id)))
        connection.execute(sa.text("ALTER TABLE tools.child ADD COLUMN more int DEFAULT 3"))
        connection.execute(sa.text("ALTER TABLE tools.child RENAME COLUMN more TO less"))
        show(connection.execute(sa.text("SELECT sum(less) FROM tools.child")))
    show(sa.inspect(engine).get_columns("child", "tools"))
    mine.drop_all(engine)


metadata = reflect()
use_orm(metadata)
with engine.connect() as connection:
    for name, statement in queries(metadata).items():
        title(name)
        show(connection.execute(statement))
write(metadata)
change(metadata)
