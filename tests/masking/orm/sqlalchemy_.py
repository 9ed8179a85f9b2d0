"""SQLAlchemy on the shop: it reflects the tables, and asks what its users ask."""
import os
import sys
import warnings

import sqlalchemy as sa
from sqlalchemy import func, orm

warnings.filterwarnings("ignore")
engine = sa.create_engine(sa.engine.URL.create("postgresql+psycopg2", os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGHOST"],
                                               int(os.environ["PGPORT"]), os.environ["PGDATABASE"]), future=True)


def show(title, rows):
    print("--", title)
    for row in rows:
        print("  ", tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) if isinstance(row, (tuple, sa.engine.Row)) else row, flush=True)


def reflect():
    inspector = sa.inspect(engine)
    for name in sorted(inspector.get_table_names()) + sorted(inspector.get_view_names()):
        show(name, inspector.get_columns(name))
        show("keys", [inspector.get_pk_constraint(name), *inspector.get_foreign_keys(name), inspector.get_table_comment(name)])
        show("indexes", sorted(inspector.get_indexes(name), key=str) + sorted(inspector.get_check_constraints(name), key=str))
    for name in sorted(inspector.get_view_names()):
        show(name, [inspector.get_view_definition(name)])


def define():
    metadata = sa.MetaData()
    for name in ("customers", "orders", "notes", "payments"):
        sa.Table(name, metadata, autoload_with=engine)
    registry = orm.registry(metadata=metadata)
    tables = metadata.tables

    class Customer:
        pass

    class Order:
        pass

    registry.map_imperatively(Order, tables["orders"])
    registry.map_imperatively(Customer, tables["customers"], properties={"orders": orm.relationship(Order, order_by=tables["orders"].c.id, backref="customer")})
    return Customer, Order, tables


def rows_of(objects, *names):
    return [tuple(getattr(one, name) for name in names) for one in objects]


def query(session, Customer, Order, tables):
    c, o, p = tables["customers"], tables["orders"], tables["payments"]
    names = ("id", "name", "email", "ssn", "card_number", "phone", "born", "salary", "pin", "points")
    show("whole rows", rows_of(session.scalars(sa.select(Customer).order_by(Customer.id).limit(4)), *names))
    show("one", rows_of([session.get(Customer, 3)], *names))
    show("core", session.execute(sa.select(c.c.id, c.c.email, c.c.remark, c.c.area, c.c.aliases).where(c.c.country == "DE").order_by(c.c.id).limit(5)))
    show("aliased", session.execute(sa.select(orm.aliased(c, name="x").c.ssn.label("s")).limit(1)))
    show("joined", session.execute(sa.select(o.c.id, c.c.email).join_from(o, c, o.c.customer_id == c.c.id).order_by(o.c.id).limit(5)))
    show("grouped by the primary key", session.execute(sa.select(c, func.count(o.c.id)).join_from(c, o, isouter=True).group_by(c.c.id).order_by(c.c.id).limit(3)))
    show("having", session.execute(sa.select(c.c.country, func.count()).group_by(c.c.country).having(func.count() > 20).order_by(c.c.country)))
    page = sa.select(c.c.id, c.c.phone).order_by(c.c.id).offset(10).limit(3).subquery()
    show("pages", session.execute(sa.select(page).order_by(page.c.id)))
    show("subquery load", [(one.ssn, [x.amount for x in one.orders]) for one in session.scalars(sa.select(Customer).where(Customer.id < 3).order_by(Customer.id).options(orm.selectinload(Customer.orders)))])
    show("joined load", [(one.id, one.customer.email) for one in session.scalars(sa.select(Order).where(Order.id < 5).order_by(Order.id).options(orm.joinedload(Order.customer)))])
    cte = sa.select(c.c.id, c.c.card_number).where(c.c.active).cte("active")
    show("cte", session.execute(sa.select(cte).join(p, p.c.customer_id == cte.c.id).order_by(cte.c.id, p.c.id).limit(5)))
    show("exists", session.execute(sa.select(c.c.ssn).where(sa.exists().where(o.c.customer_id == c.c.id, o.c.amount > 300)).order_by(c.c.id)))
    show("windows", session.execute(sa.select(c.c.id, func.row_number().over(partition_by=c.c.country, order_by=c.c.id), c.c.born).order_by(c.c.id).limit(5)))
    show("case", session.execute(sa.select(sa.case((c.c.active, c.c.email), else_="gone")).order_by(c.c.id).limit(8)))
    show("functions", session.execute(sa.select(func.upper(c.c.email), func.length(c.c.ssn), c.c.pin + 1, func.coalesce(c.c.points, 0)).order_by(c.c.id).limit(3)))
    show("partitions", session.execute(sa.select(p).order_by(p.c.id).limit(5)))
    show("json", session.execute(sa.select(c.c.profile["passport"].astext, o.c["items"]["sku"]).join_from(c, o).order_by(o.c.id).limit(3)))
    show("counts", [session.scalar(sa.select(func.count()).select_from(Customer)), session.query(Customer).filter_by(country="US").count()])


def write(session, Customer, Order, tables):
    one = session.get(Customer, 5)
    one.name = "Fifth"
    session.add(Order(id=5000, customer_id=5, amount=3, status="new"))
    session.flush()
    session.expire_all()
    show("written", rows_of([session.get(Customer, 5)], "name", "email", "pin"))
    show("returning", session.execute(sa.update(tables["customers"]).where(tables["customers"].c.id == 6).values(active=False).returning(tables["customers"].c.id, tables["customers"].c.ssn)))
    show("deleted", [session.execute(sa.delete(tables["orders"]).where(tables["orders"].c.amount < 9)).rowcount])
    session.rollback()


if sys.argv[1] == "schema":
    reflect()
else:
    mapped = define()
    with orm.Session(engine) as session:
        query(session, *mapped)
        write(session, *mapped)
