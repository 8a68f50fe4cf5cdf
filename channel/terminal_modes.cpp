#include "sluice/channel/terminal_modes.hpp"

#include "sluice/wire/expects.hpp"
#include "sluice/wire/reader.hpp"
#include "sluice/wire/writer.hpp"

namespace sluice {

const std::array<terminal_opcode, 56> terminal_opcodes{{
    {1, "VINTR"},
    {2, "VQUIT"},
    {3, "VERASE"},
    {4, "VKILL"},
    {5, "VEOF"},
    {6, "VEOL"},
    {7, "VEOL2"},
    {8, "VSTART"},
    {9, "VSTOP"},
    {10, "VSUSP"},
    {11, "VDSUSP"},
    {12, "VREPRINT"},
    {13, "VWERASE"},
    {14, "VLNEXT"},
    {15, "VFLUSH"},
    {16, "VSWTCH"},
    {17, "VSTATUS"},
    {18, "VDISCARD"},
    {30, "IGNPAR"},
    {31, "PARMRK"},
    {32, "INPCK"},
    {33, "ISTRIP"},
    {34, "INLCR"},
    {35, "IGNCR"},
    {36, "ICRNL"},
    {37, "IUCLC"},
    {38, "IXON"},
    {39, "IXANY"},
    {40, "IXOFF"},
    {41, "IMAXBEL"},
    {42, "IUTF8"},
    {50, "ISIG"},
    {51, "ICANON"},
    {52, "XCASE"},
    {53, "ECHO"},
    {54, "ECHOE"},
    {55, "ECHOK"},
    {56, "ECHONL"},
    {57, "NOFLSH"},
    {58, "TOSTOP"},
    {59, "IEXTEN"},
    {60, "ECHOCTL"},
    {61, "ECHOKE"},
    {62, "PENDIN"},
    {70, "OPOST"},
    {71, "OLCUC"},
    {72, "ONLCR"},
    {73, "OCRNL"},
    {74, "ONOCR"},
    {75, "ONLRET"},
    {90, "CS7"},
    {91, "CS8"},
    {92, "PARENB"},
    {93, "PARODD"},
    {128, "TTY_OP_ISPEED"},
    {129, "TTY_OP_OSPEED"},
}};

result<terminal_modes> terminal_modes::parse(bytes_view encoded) {
    terminal_modes modes;
    wire::reader r(encoded);
    while (!r.at_end()) {
        std::uint8_t opcode = 0;
        r.read(opcode);
        if (opcode == end_opcode || opcode >= first_undefined) break;
        std::uint32_t argument = 0;
        r.read(argument);
        if (r.error()) return r.error();
        modes.set(opcode, argument);
    }
    return modes;
}

void terminal_modes::set(std::uint8_t opcode, std::uint32_t argument) {
    expects(opcode != end_opcode && opcode < first_undefined);
    if (!present_[opcode]) ++size_;
    present_[opcode] = true;
    arguments_[opcode] = argument;
}

std::optional<std::uint32_t> terminal_modes::get(std::uint8_t opcode) const {
    if (opcode >= first_undefined || !present_[opcode]) return std::nullopt;
    return arguments_[opcode];
}

bytes terminal_modes::encode() const {
    bytes out;
    wire::writer w(out);
    for (std::uint8_t opcode = 1; opcode < first_undefined; ++opcode) {
        if (!present_[opcode]) continue;
        w.write(opcode);
        w.write(arguments_[opcode]);
    }
    w.write(end_opcode);
    return out;
}

}  // namespace sluice
