#include "sluice/transport/compression.hpp"

#include "sluice/transport/table.hpp"
#include "sluice/wire/expects.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>

namespace sluice {
namespace {

class zlib_compressor final : public compressor {
public:
    zlib_compressor() { expects(::deflateInit(&stream_, Z_DEFAULT_COMPRESSION) == Z_OK); }
    zlib_compressor(const zlib_compressor&) = delete;
    zlib_compressor& operator=(const zlib_compressor&) = delete;
    ~zlib_compressor() override { ::deflateEnd(&stream_); }

    void deflate(bytes_view head, bytes_view bulk, bytes& out) override {
        out.resize(::deflateBound(&stream_, static_cast<uLong>(head.size() + bulk.size())) + 64);
        stream_.next_out = out.data();
        stream_.avail_out = static_cast<uInt>(out.size());
        step(head, Z_NO_FLUSH);
        // RFC 4253 §6.2: each packet ends in a partial flush.
        step(bulk, Z_PARTIAL_FLUSH);
        expects(stream_.avail_out > 0);
        out.resize(out.size() - stream_.avail_out);
    }

private:
    void step(bytes_view in, int flush) {
        stream_.next_in = const_cast<Bytef*>(in.data());
        stream_.avail_in = static_cast<uInt>(in.size());
        const int status = ::deflate(&stream_, flush);
        expects((status == Z_OK || status == Z_BUF_ERROR) && stream_.avail_in == 0);
    }

    z_stream stream_{};
};

class zlib_decompressor final : public decompressor {
public:
    zlib_decompressor() { expects(::inflateInit(&stream_) == Z_OK); }
    zlib_decompressor(const zlib_decompressor&) = delete;
    zlib_decompressor& operator=(const zlib_decompressor&) = delete;
    ~zlib_decompressor() override { ::inflateEnd(&stream_); }

    result<> inflate(bytes_view in, std::size_t length_max, bytes& out) override {
        // One byte more than allowed is room enough to see that it is too long.
        out.resize(std::min(length_max + 1, std::max<std::size_t>(4 * in.size(), 4096)));
        std::size_t made = 0;
        stream_.next_in = const_cast<Bytef*>(in.data());
        stream_.avail_in = static_cast<uInt>(in.size());
        for (;;) {
            stream_.next_out = out.data() + made;
            stream_.avail_out = static_cast<uInt>(out.size() - made);
            const int status = ::inflate(&stream_, Z_SYNC_FLUSH);
            made = out.size() - stream_.avail_out;
            if (made > length_max) return errc::inflated_too_long;
            if (status != Z_OK && status != Z_BUF_ERROR) return errc::bad_compression;
            if (stream_.avail_out > 0) break;
            out.resize(std::min(length_max + 1, 2 * out.size()));
        }
        if (stream_.avail_in != 0) return errc::bad_compression;
        out.resize(made);
        return {};
    }

private:
    z_stream stream_{};
};

std::unique_ptr<compressor> make_zlib_compressor() { return std::make_unique<zlib_compressor>(); }
std::unique_ptr<decompressor> make_zlib_decompressor() {
    return std::make_unique<zlib_decompressor>();
}

// zlib without delay is not there: it hands unauthenticated peers a decompressor. The delayed form
// is not in the default offer: it costs 300 KiB a connection and a core for each 50 MB/s, and some
// clients take it whenever it is offered.
constexpr std::array table{
    compression_info{"none", true, false, nullptr, nullptr},
    compression_info{"zlib@openssh.com", false, true, make_zlib_compressor, make_zlib_decompressor},
};

}  // namespace

std::span<const compression_info> compressions() { return table; }
const compression_info* find_compression(std::string_view name) {
    return find_row(compressions(), name);
}

}  // namespace sluice
