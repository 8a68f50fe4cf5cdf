#pragma once

#include "sluice/io/connect_options.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// How `sluice` shows what came from a server: nothing of it controls a terminal, and no line of it
/// looks like one of ours.
namespace sluice {

/// A text of a server's as it may stand in one line of a terminal: control characters (C0, DEL,
/// C1), what is no UTF-8, and what ends a line or turns its direction in Unicode are written out.
std::string printable(std::string_view text);

/// "(user@host) ", for `marked`.
std::string server_mark(const connect_options& options);

/// The lines of a server's text, each `printable` and behind `mark`. A tab is written out, the CR
/// of a CR LF left out. Where `columns` is not 0 they are folded, so that no line of the terminal
/// begins with what the server wrote. Without the last line's end; empty where `text` is.
std::string marked(std::string_view text, std::string_view mark, std::size_t columns);

/// The same of a text that has to be one line: its newlines are written out.
std::string marked_line(std::string_view text, std::string_view mark, std::size_t columns);

/// At most `columns` of a text that is `printable`: its end, where it is longer.
std::string shortened(const std::string& text, std::size_t columns);

/// Columns of the terminal at `fd`; 0 where it is none.
std::size_t terminal_columns(int fd);

}  // namespace sluice
