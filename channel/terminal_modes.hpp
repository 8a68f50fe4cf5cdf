#pragma once

#include "sluice/wire/bytes.hpp"
#include "sluice/wire/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

/// One opcode of the encoding and its mnemonic (RFC 4254 §8, RFC 8160).
struct terminal_opcode {
    std::uint8_t opcode;
    std::string_view mnemonic;
};

/// All opcodes that have a name, in ascending order; TTY_OP_END, which is none, is not among them.
extern const std::array<terminal_opcode, 56> terminal_opcodes;

/// The encoded terminal modes of a pty-req (RFC 4254 §8): opcodes 1 to 159, a uint32 each.
class terminal_modes {
public:
    static constexpr std::uint8_t end_opcode = 0;         // TTY_OP_END
    static constexpr std::uint8_t first_undefined = 160;  // opcodes from here on stop the parsing
    static constexpr std::uint8_t input_speed = 128;      // TTY_OP_ISPEED
    static constexpr std::uint8_t output_speed = 129;     // TTY_OP_OSPEED

    /// Stops at TTY_OP_END, at an undefined opcode or at the end. A mode that comes twice has its
    /// last value. Errors: truncated in the middle of an argument.
    static result<terminal_modes> parse(bytes_view encoded);

    /// Sets one mode; `opcode` is 1 to 159.
    void set(std::uint8_t opcode, std::uint32_t argument);
    std::optional<std::uint32_t> get(std::uint8_t opcode) const;
    std::size_t size() const { return size_; }

    /// In ascending order of opcodes, TTY_OP_END last.
    bytes encode() const;

    bool operator==(const terminal_modes&) const = default;

private:
    // A fixed table: however long the stream is, it can make nothing grow.
    std::array<std::uint32_t, first_undefined> arguments_{};
    std::array<bool, first_undefined> present_{};
    std::size_t size_ = 0;
};

}  // namespace sluice
