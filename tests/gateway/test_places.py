"""Who has a place, who gives it up, and who finds none."""

from dataclasses import dataclass, field

from gateway.places import LOOKS, Places
from gateway.proxies import Proxies


@dataclass(eq=False)
class Client:
    address: str = "192.0.2.1"
    spare: bool = False
    dropped: list[str] = field(default_factory=list)

    def drop(self) -> None:
        self.dropped.append("dropped")


def test_there_are_as_many_places_as_said():
    places = Places(3)
    clients = [Client() for _ in range(4)]
    assert [places.take(each) for each in clients] == [True, True, True, False]
    places.leave(clients[3])  # it never had one
    assert not places.take(clients[3])
    places.leave(clients[0])
    assert places.take(clients[3])


def test_the_one_that_idles_longest_gives_up_its_place():
    places = Places(3)
    busy, older, younger = Client(), Client(spare=True), Client(spare=True)
    for each in (busy, older, younger):
        places.take(each)
    newcomers = [Client() for _ in range(3)]
    assert [places.take(each) for each in newcomers] == [True, True, False]
    assert [each.dropped for each in (busy, older, younger)] == [[], ["dropped"], ["dropped"]]
    places.leave(older)  # its connection ends a little later
    assert not places.take(Client())


def test_a_newcomer_looks_at_a_few_and_the_next_one_at_others():
    places = Places(3 * LOOKS)
    clients = [Client() for _ in range(3 * LOOKS)]
    for each in clients:
        places.take(each)
    clients[2 * LOOKS].spare = True
    assert [places.take(Client()) for _ in range(3)] == [False, False, True]
    assert clients[2 * LOOKS].dropped


def test_one_address_has_its_own_limit():
    places = Places(9, 2, Proxies(["192.0.2.99"]))
    first = [Client() for _ in range(3)]
    assert [places.take(each) for each in first] == [True, True, False]
    assert places.take(Client("192.0.2.2"))
    assert all(places.take(Client("192.0.2.99")) for _ in range(4))
    places.leave(first[2])
    assert not places.take(Client())
    places.leave(first[0])
    assert places.take(Client())
