#include "sluice/channel/turns.hpp"

namespace sluice {

void turn_order::push(turn& t, turn::place where) {
    list& l = list_of(where);
    t.where = where;
    t.previous = l.tail;
    t.next = nullptr;
    (l.tail == nullptr ? l.head : l.tail->next) = &t;
    l.tail = &t;
}

void turn_order::add(turn& t, bool little) {
    if (t.where != turn::place::none) return;
    t.credit = quantum;
    push(t, little ? turn::place::fresh : turn::place::waiting);
}

void turn_order::remove(turn& t) {
    if (t.where == turn::place::none) return;
    list& l = list_of(t.where);
    (t.previous == nullptr ? l.head : t.previous->next) = t.next;
    (t.next == nullptr ? l.tail : t.next->previous) = t.previous;
    t.previous = t.next = nullptr;
    t.where = turn::place::none;
}

turn* turn_order::next() {
    for (;;) {
        turn* const t = fresh_.head != nullptr ? fresh_.head : waiting_.head;
        if (t == nullptr || t->credit > 0) return t;
        t->credit += quantum;
        remove(*t);
        push(*t, turn::place::waiting);
    }
}

void turn_order::idle(turn& t) {
    const bool others_wait = t.where == turn::place::fresh && waiting_.head != nullptr;
    remove(t);
    if (others_wait) push(t, turn::place::waiting);
}

}  // namespace sluice
