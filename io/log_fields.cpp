#include "sluice/io/log_fields.hpp"

#include "sluice/wire/limits.hpp"

namespace sluice {
namespace {

bool continues_a_character(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

void cut(std::string& value) {
    std::size_t kept = limits::log_field_length_max;
    if (value.size() <= kept) return;
    // What is no UTF-8 is cut where it stands.
    for (int i = 0; i < 3 && continues_a_character(value[kept]); ++i)
        --kept;
    const std::string mark = "... (" + std::to_string(value.size()) + " bytes)";
    value.resize(kept);
    value += mark;
}

}  // namespace

void cut_fields(log_record& record) {
    for (auto& [name, value] : record.fields)
        cut(value);
}

}  // namespace sluice
