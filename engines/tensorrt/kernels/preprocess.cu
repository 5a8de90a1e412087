// What the CPU path does with OpenCV before a network runs, as CUDA kernels.
//
// One source, three compilers: NVRTC on the device when engines are built, nvcc in the tests (for
// sm_87 and sm_110), and g++ in the tests, which runs the very arithmetic on the CPU against OpenCV
// (tests define TVRADAR_HOST and provide KERNEL and the thread's indices). Compile without fused
// multiply-add (--fmad=false), so that all three round alike. No headers: NVRTC has none.
//
// Each kernel takes one struct by value; `engines/tensorrt/preprocess.py` mirrors them.

#ifndef TVRADAR_HOST
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
#define THREAD_X ((int)(blockIdx.x * blockDim.x + threadIdx.x))
#define THREAD_Y ((int)(blockIdx.y * blockDim.y + threadIdx.y))
#define THREAD_Z ((int)(blockIdx.z))
#endif

typedef unsigned char byte;
typedef unsigned long long word;  // a pointer in a struct that numpy can describe

// A packed picture in device memory; blue_at is the offset of blue in a pixel (0 in BGR, 2 in RGB).
struct Image {
    word pixels;
    int width, height, row_bytes, pixel_bytes, blue_at, unused;
};

DEVICE int sample(const Image& image, int x, int y, int bgr) {
    int offset = bgr == 1 ? 1 : (bgr == 0 ? image.blue_at : 2 - image.blue_at);
    const byte* row = (const byte*)image.pixels + (word)y * (word)image.row_bytes;
    return row[x * image.pixel_bytes + offset];
}

// The detector's input: shrink by area average to inner_width x inner_height, then pad with black.
// Target: float32 (3, target_height, target_width), planes in the order BGR, values 0 to 255.
struct Letterbox {
    Image source;
    word target;
    int inner_width, inner_height, target_width, target_height;
};

KERNEL letterbox(Letterbox p) {
    int x = THREAD_X, y = THREAD_Y;
    if (x >= p.target_width || y >= p.target_height) return;
    word plane = (word)p.target_width * p.target_height;
    float* out = (float*)p.target + (word)y * p.target_width + x;
    if (x >= p.inner_width || y >= p.inner_height) {
        out[0] = out[plane] = out[2 * plane] = 0.0f;
        return;
    }
    // In units of 1/inner_width of a source pixel all borders are whole numbers: the sums are exact.
    int width = p.source.width, height = p.source.height;
    int left = x * width, right = left + width, top = y * height, bottom = top + height;
    int last_column = (right - 1) / p.inner_width, last_row = (bottom - 1) / p.inner_height;
    word sums[3] = {0, 0, 0};
    for (int row = top / p.inner_height; row <= last_row; ++row) {
        int above = row * p.inner_height, below = above + p.inner_height;
        word tall = (below < bottom ? below : bottom) - (above > top ? above : top);
        for (int column = left / p.inner_width; column <= last_column; ++column) {
            int begin = column * p.inner_width, end = begin + p.inner_width;
            word weight = tall * ((end < right ? end : right) - (begin > left ? begin : left));
            for (int c = 0; c < 3; ++c) sums[c] += weight * sample(p.source, column, row, c);
        }
    }
    word area = (word)width * height;
    for (int c = 0; c < 3; ++c) out[c * plane] = (float)((2 * sums[c] + area) / (2 * area));
}

// The embedder's input: each face through its own similarity, bilinear, outside is black, rounded
// to whole levels as the CPU path's uint8 chips are.
// Target: float32 (faces, 3, side, side), planes in the order RGB, or BGR when blue_first is set.
// inverses: float32 (faces, 6), row-major 2x3, each maps chip pixels to picture pixels.
struct WarpFaces {
    Image source;
    word target, inverses;
    int faces, side, blue_first, unused;
};

KERNEL warp_faces(WarpFaces p) {
    int x = THREAD_X, y = THREAD_Y, face = THREAD_Z;
    if (x >= p.side || y >= p.side || face >= p.faces) return;
    const float* m = (const float*)p.inverses + 6 * face;
    float sx = m[0] * x + m[1] * y + m[2];
    float sy = m[3] * x + m[4] * y + m[5];
    float* out = (float*)p.target + (((word)face * 3) * p.side + y) * p.side + x;
    word plane = (word)p.side * p.side;
    // Written so that NaN and values past int's range count as outside, too.
    bool inside = sx > -1.0f && sy > -1.0f && sx < (float)p.source.width && sy < (float)p.source.height;
    if (!inside) {
        out[0] = out[plane] = out[2 * plane] = 0.0f;
        return;
    }
    int x0 = (int)floorf(sx), y0 = (int)floorf(sy);
    float u = sx - x0, v = sy - y0;
    bool left = x0 >= 0, right = x0 + 1 < p.source.width;
    bool top = y0 >= 0, bottom = y0 + 1 < p.source.height;
    for (int c = 0; c < 3; ++c) {
        int bgr = p.blue_first ? c : 2 - c;
        float a = left && top ? sample(p.source, x0, y0, bgr) : 0;
        float b = right && top ? sample(p.source, x0 + 1, y0, bgr) : 0;
        float d = left && bottom ? sample(p.source, x0, y0 + 1, bgr) : 0;
        float e = right && bottom ? sample(p.source, x0 + 1, y0 + 1, bgr) : 0;
        float upper = a + u * (b - a), lower = d + u * (e - d);
        out[c * plane] = rintf(upper + v * (lower - upper));
    }
}

// Video formats to BGR. The factors are those of limited-range BT.601 or BT.709 in units of 2^-20;
// with BT.601 the result equals OpenCV's to the bit.
// Target: uint8 (height, row_bytes), BGR.
struct Convert {
    word luma, chroma, target;
    int width, height, luma_row_bytes, chroma_row_bytes, target_row_bytes;
    int luma_at;  // packed 4:2:2 only: 0 in YUYV, 1 in UYVY
    int y_factor, ub_factor, ug_factor, vg_factor, vr_factor, unused;
};

DEVICE byte level(int value) { return value < 0 ? 0 : (value > 255 ? 255 : value); }

DEVICE void store_bgr(const Convert& p, int x, int y, int luma, int u, int v) {
    int base = (luma > 16 ? luma - 16 : 0) * p.y_factor + (1 << 19);
    byte* out = (byte*)p.target + (word)y * (word)p.target_row_bytes + 3 * x;
    out[0] = level((base + (u - 128) * p.ub_factor) >> 20);
    out[1] = level((base + (u - 128) * p.ug_factor + (v - 128) * p.vg_factor) >> 20);
    out[2] = level((base + (v - 128) * p.vr_factor) >> 20);
}

KERNEL nv12_to_bgr(Convert p) {
    int x = THREAD_X, y = THREAD_Y;
    if (x >= p.width || y >= p.height) return;
    int luma = ((const byte*)p.luma + (word)y * (word)p.luma_row_bytes)[x];
    const byte* uv = (const byte*)p.chroma + (word)(y / 2) * (word)p.chroma_row_bytes + x / 2 * 2;
    store_bgr(p, x, y, luma, uv[0], uv[1]);
}

KERNEL yuv422_to_bgr(Convert p) {
    int x = THREAD_X, y = THREAD_Y;
    if (x >= p.width || y >= p.height) return;
    const byte* pair = (const byte*)p.luma + (word)y * (word)p.luma_row_bytes + x / 2 * 4;
    int luma = pair[p.luma_at + x % 2 * 2];
    store_bgr(p, x, y, luma, pair[1 - p.luma_at], pair[3 - p.luma_at]);
}
